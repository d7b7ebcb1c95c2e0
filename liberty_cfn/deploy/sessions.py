"""boto3 sessions whose clients are quick to make: what AWS's services are is read once."""

from __future__ import annotations

import json
from functools import cache
from typing import Any

import boto3
import botocore.session
from botocore.loaders import JSONFileLoader, Loader


def session(*, credentials: Any = None, **arguments: str) -> boto3.Session:
    """Return a session; `arguments` are those of boto3.Session.

    `credentials` are botocore's, such as those that renew themselves.
    """
    own = botocore.session.get_session()
    own.register_component("data_loader", _models())
    if credentials:
        # boto has no public way for credentials that are shared.
        own._credentials = credentials  # noqa: SLF001
    return boto3.Session(botocore_session=own, **arguments)


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
