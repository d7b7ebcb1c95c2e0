"""boto3 sessions that read AWS's services and answers in ways of our own."""

from __future__ import annotations

import os
from typing import Any

import boto3
import botocore.session
from botocore.config import Config
from botocore.configprovider import BOTOCORE_DEFAUT_SESSION_VARIABLES

from liberty_cfn.deploy import answers, models

# As botocore's own, but taken neither from the caller's variables nor from files.
UNTOLD = {
    name: (None, None, os.devnull if name.endswith("_file") else default, convert)
    for name, (_, _, default, convert) in BOTOCORE_DEFAUT_SESSION_VARIABLES.items()
}


def session(*, local: bool = False, credentials: Any = None, **arguments: str) -> boto3.Session:
    """Return a session; `arguments` are those of boto3.Session.

    For the `local` AWS, the caller's profiles and proxies are ignored. `credentials` are
    botocore's, such as refreshable ones.
    """
    own = botocore.session.get_session(UNTOLD if local else None)
    if local:
        own.set_default_client_config(Config(proxies={}))
    own.register_component("data_loader", models.loader())
    parsers = own.get_component("response_parser_factory")
    parsers.set_parser_defaults(timestamp_parser=answers.moment)
    own.register("before-parse", answers.of_aws)
    own.register("creating-client-class", answers.ask_again)
    if credentials:
        # There is no public way to share credentials.
        own._credentials = credentials  # noqa: SLF001
    return boto3.Session(botocore_session=own, **arguments)
