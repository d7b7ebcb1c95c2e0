"""boto3 sessions whose clients are quick to make, and quick to read what AWS says."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import boto3
import botocore.session
from botocore.utils import parse_timestamp

from liberty_cfn.deploy.models import models


def session(*, credentials: Any = None, **arguments: str) -> boto3.Session:
    """Return a session; `arguments` are those of boto3.Session.

    `credentials` are botocore's, such as those that renew themselves.
    """
    own = botocore.session.get_session()
    own.register_component("data_loader", models())
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
