"""boto3 sessions whose clients are quick to make, and quick to read what AWS says.

What AWS's services are is read once.
"""

from __future__ import annotations

import json
from datetime import datetime
from functools import cache
from typing import Any

import boto3
import botocore.session
from botocore.loaders import JSONFileLoader, Loader
from botocore.utils import parse_timestamp


def session(*, credentials: Any = None, **arguments: str) -> boto3.Session:
    """Return a session; `arguments` are those of boto3.Session.

    `credentials` are botocore's, such as those that renew themselves.
    """
    own = botocore.session.get_session()
    own.register_component("data_loader", _models())
    parsers = own.get_component("response_parser_factory")
    parsers.set_parser_defaults(timestamp_parser=moment)
    if credentials:
        # boto has no public way for credentials that are shared.
        own._credentials = credentials  # noqa: SLF001
    return boto3.Session(botocore_session=own, **arguments)


def moment(said: Any) -> datetime:
    """Return the time that an answer says, as botocore reads it.

    Most are ISO 8601 with a time zone, which Python reads in a fortieth of botocore's time; a
    tenth of a deploy went into that.
    """
    try:
        found = datetime.fromisoformat(said)
    except (TypeError, ValueError):
        found = None
    return found if found and found.tzinfo else parse_timestamp(said)


@cache
def _models() -> Loader:
    """Return what boto knows of the services, for all sessions of the process."""
    return Loader(file_loader=_PlainFiles())


class _PlainFiles(JSONFileLoader):  # type: ignore[misc]  # botocore has no types
    """As botocore's own, into plain dicts: they keep their order, and take half the time."""

    def _load_file(self, full_path: str, open_method: Any) -> Any:
        try:
            with open_method(full_path, "rb") as file:
                return json.loads(file.read())
        except FileNotFoundError:
            return None
