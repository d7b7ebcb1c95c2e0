"""What went wrong, in words for the person at the terminal."""

from __future__ import annotations

import errno
from traceback import walk_tb
from typing import Any

from liberty_cfn.errors import ToldError

NO_CREDENTIALS = (
    "AWS was not asked: there are no credentials. Sign in (aws sso login), or set AWS_PROFILE, "
    "or AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY."
)
# Files that are not ours.
FORBIDDEN = (errno.EACCES, errno.EPERM)
# And a disk that is full or can't be written to, a file where a folder is expected or the other
# way round, too many open files.
OF_THE_MACHINE = (
    *FORBIDDEN,
    *(errno.ENOSPC, errno.EDQUOT, errno.EROFS, errno.EFBIG, errno.EIO),
    *(errno.EISDIR, errno.ENOTDIR, errno.EEXIST, errno.ELOOP, errno.EMFILE, errno.ENFILE),
)
GOES_ON = "What AWS had begun goes on; to see how it stands: make status ENV={name}."
EXPIRED = (
    "AWS doesn't take these credentials: they have expired, were withdrawn, the region is not "
    "enabled in their account, or this machine's clock is wrong."
)


def in_words(error: Exception, name: str = "ENV") -> str | None:
    """Return what `error` means for the environment `name`; None for this program's faults."""
    if _is_of_a_file(error):
        return str(error)
    from liberty_cfn.deploy import errors  # noqa: PLC0415
    from liberty_cfn.local.control import LocalAwsError  # noqa: PLC0415
    from liberty_cfn.verify import VerifyError  # noqa: PLC0415

    ours = (
        *(errors.DeployError, errors.FollowError, errors.UnknownStatusError),
        *(LocalAwsError, VerifyError),
    )
    if isinstance(error, OSError) and error.errno in OF_THE_MACHINE:
        where = f": {error.filename}" if error.filename else ""
        if error.errno in FORBIDDEN:
            where += " (if it is another user's, such as root's, chown it to yourself)"
        return f"This machine says: {error.strerror}{where}. {GOES_ON.format(name=name)}"
    return str(error) if isinstance(error, ours) else _of_aws(error, name)


def facts(error: Exception) -> dict[str, Any]:
    """Return what a program can go by: what the error itself says, or AWS's own code."""
    if isinstance(error, ToldError):
        return error.facts
    from liberty_cfn.deploy import faults  # noqa: PLC0415 - slow to load

    code = faults.code(error)
    return {"code": code, "call": getattr(error, "operation_name", None)} if code else {}


def exit_code(error: Exception) -> int:
    """Return 2 if one of the person's own files is wrong, else 1."""
    return 2 if _is_of_a_file(error) else 1


def _is_of_a_file(error: Exception) -> bool:
    """Whether one of the person's own files is wrong."""
    # Imported here: on Ctrl-C, other modules may be half imported when this one is loaded.
    from liberty_cfn.environments import MisfitsError  # noqa: PLC0415
    from liberty_cfn.model.loading import LoadError  # noqa: PLC0415
    from liberty_cfn.model.parsing import ParseError  # noqa: PLC0415

    return isinstance(error, MisfitsError | LoadError | ParseError)


def _of_aws(error: Exception, name: str) -> str | None:
    from botocore import exceptions as aws  # noqa: PLC0415 - slow to load
    from botocore.parsers import ResponseParserError  # noqa: PLC0415

    from liberty_cfn.deploy import faults  # noqa: PLC0415
    from liberty_cfn.deploy.answers import WEB_PAGE  # noqa: PLC0415
    from liberty_cfn.deploy.causes import next_step  # noqa: PLC0415

    if why := _of_credentials(error, name):
        return why
    if isinstance(error, ResponseParserError) and str(error).startswith(WEB_PAGE):
        why = f"{error}: is there a proxy? Look at HTTPS_PROXY and NO_PROXY, or sign in to it"
        return f"AWS's answer could not be read: {why}."
    local = "//127.0.0.1:" in str(error)
    if isinstance(error, aws.EndpointConnectionError | aws.ConnectTimeoutError):
        step = "Is the network up, and the region right?"
        if local:
            step = "Was the local AWS stopped? make local-up starts it."
        return f"AWS can't be reached: {error} {step}"
    if local and isinstance(error, aws.ReadTimeoutError):
        return f"The local AWS doesn't answer: {error} make local-down ends it."
    if not isinstance(error, faults.OF_AWS):
        return _of_what_gives_credentials(error, name)
    said = faults.in_words(error)
    again = f"Try again. {GOES_ON.format(name=name)}"
    # Known causes are matched by AWS's words; a proxy's might match by chance.
    step = again if faults.passes(error) else next_step(said) if faults.code(error) else ""
    return f"{said}. {step}" if step else said


def _of_what_gives_credentials(error: Exception, name: str) -> str | None:
    """Return what is wrong with what gives the credentials: botocore passes its errors on."""
    frames = (frame.f_globals["__name__"] for frame, _ in walk_tb(error.__traceback__))
    if "botocore.credentials" not in frames:
        return None
    said = str(error).removesuffix(".")
    return (
        f"There are no credentials: {said}. Look at what gives them (AWS_PROFILE, "
        f"~/.aws/config), or sign in again (aws sso login). {GOES_ON.format(name=name)}"
    )


def _of_credentials(error: Exception, name: str) -> str:
    from botocore import exceptions as aws  # noqa: PLC0415 - slow to load

    from liberty_cfn.deploy import faults  # noqa: PLC0415

    if isinstance(error, aws.NoCredentialsError | aws.PartialCredentialsError):
        return NO_CREDENTIALS
    if faults.skewed(error):
        return f"This machine's clock is wrong: set it, and try again. {faults.in_words(error)}"
    if not faults.expired(error):
        return ""
    said = faults.in_words(error)
    # The source of the credentials says itself why it has none.
    why = f"{EXPIRED} {said}" if faults.code(error) else said
    return f"{why}. Sign in again (aws sso login). {GOES_ON.format(name=name)}"
