# ruff: noqa: SLF001 - ministack has no public names for these
"""Access keys."""

from ministack.services import iam
from ministack.services.cloudformation import provisioners

from .asking import Made, Properties, ask, text


def _make_key(_title: str, properties: Properties, _stack: str) -> Made:
    answer = ask(iam, "CreateAccessKey", UserName=properties["UserName"])
    key = text(answer, "AccessKeyId")
    _set_status(key, {}, properties, "")
    return key, {"SecretAccessKey": text(answer, "SecretAccessKey")}


def _set_status(key: str, _old: Properties, new: Properties, _stack: str) -> Made:
    status = new.get("Status", "Active")
    ask(iam, "UpdateAccessKey", AccessKeyId=key, Status=status, UserName=new["UserName"])
    return key, {}


def _drop_key(key: str, properties: Properties) -> None:
    ask(iam, "DeleteAccessKey", AccessKeyId=key, UserName=properties["UserName"])


def add() -> None:
    provisioners._RESOURCE_HANDLERS["AWS::IAM::AccessKey"] = {
        "create": _make_key,
        "update": _set_status,
        "delete": _drop_key,
    }
