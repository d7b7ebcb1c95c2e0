# ruff: noqa: SLF001 - ministack has no public names for these
"""Security-group rules as people change them: in the short form, without descriptions."""

from typing import Any

from ministack.services import ec2

from .asking import Answer

Query = dict[str, list[str]]
# The parameters of a rule that stands alone in a call, and what they are in a list of rules.
SHORT = {
    "IpProtocol": "IpProtocol",
    "FromPort": "FromPort",
    "ToPort": "ToPort",
    "CidrIp": "IpRanges.1.CidrIp",
    "SourceSecurityGroupName": "Groups.1.GroupName",
}
LISTED = {"Ingress": "IpPermissions", "Egress": "IpPermissionsEgress"}


def _spelt_out(query: Query) -> Query:
    listed = {f"IpPermissions.1.{SHORT[k]}": v for k, v in query.items() if k in SHORT}
    return {key: value for key, value in query.items() if key not in SHORT} | listed


def _same(rule: dict[str, Any]) -> dict[str, Any]:
    """What makes a rule the rule it is: neither its description nor whose group it names."""
    pairs = [{"GroupId": pair.get("GroupId")} for pair in rule.get("UserIdGroupPairs", [])]
    return {**_stripped(rule), "UserIdGroupPairs": pairs}


def _change(verb: str, way: str) -> None:
    handle = ec2._ACTION_MAP[f"{verb}SecurityGroup{way}"]

    def changed(query: Query) -> Answer:
        group = ec2._security_groups.get(query["GroupId"][0], {})
        before = len(group.get(LISTED[way], ()))
        answer: Answer = handle(_spelt_out(query))
        if verb == "Revoke" and answer[0] == 200 and len(group[LISTED[way]]) == before:  # noqa: PLR2004
            missing = "The specified rule does not exist in this security group."
            return ec2._error("InvalidPermission.NotFound", missing, 400)  # type: ignore[no-any-return]
        return answer

    ec2._ACTION_MAP[f"{verb}SecurityGroup{way}"] = changed


_stripped = ec2._strip_descriptions


def add() -> None:
    ec2._strip_descriptions = _same
    for way in LISTED:
        _change("Authorize", way)
        _change("Revoke", way)
