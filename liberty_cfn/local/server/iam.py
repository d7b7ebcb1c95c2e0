# ruff: noqa: SLF001 - ministack has no public names for these
"""Access keys, and inline policies that stand outside their role."""

import json

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


def _put_policy(_title: str, properties: Properties, _stack: str) -> Made:
    role, name = properties["RoleName"], properties["PolicyName"]
    document = json.dumps(properties["PolicyDocument"])
    ask(iam, "PutRolePolicy", RoleName=role, PolicyName=name, PolicyDocument=document)
    return f"{name}|{role}", {}


def _drop_policy(_policy: str, properties: Properties) -> None:
    role, name = properties["RoleName"], properties["PolicyName"]
    ask(iam, "DeleteRolePolicy", RoleName=role, PolicyName=name)


def add() -> None:
    provisioners._RESOURCE_HANDLERS["AWS::IAM::AccessKey"] = {
        "create": _make_key,
        "update": _set_status,
        "delete": _drop_key,
    }
    provisioners._RESOURCE_HANDLERS["AWS::IAM::RolePolicy"] = {
        "create": _put_policy,
        "update": lambda _policy, _old, new, stack: _put_policy("", new, stack),
        "delete": _drop_policy,
    }
