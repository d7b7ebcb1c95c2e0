# ruff: noqa: SLF001 - ministack has no public names for these
"""Security-group rules as people revoke them: without descriptions, and not twice."""

from typing import Any

from ministack.services import ec2

from .asking import Answer, Query, went_well

LISTED = {"Ingress": "IpPermissions", "Egress": "IpPermissionsEgress"}


def _same(rule: dict[str, Any]) -> dict[str, Any]:
    """What makes a rule the rule it is: neither its description nor whose group it names."""
    pairs = [{"GroupId": pair.get("GroupId")} for pair in rule.get("UserIdGroupPairs", [])]
    return {**_stripped(rule), "UserIdGroupPairs": pairs}


def _revoke(way: str) -> None:
    """Revoking a rule that isn't there is refused."""
    action = f"RevokeSecurityGroup{way}"
    handle = ec2._ACTION_MAP[action]

    def revoked(query: Query) -> Answer:
        group = ec2._security_groups.get(query["GroupId"][0], {})
        before = len(group.get(LISTED[way], ()))
        answer: Answer = handle(query)
        if went_well(answer) and len(group[LISTED[way]]) == before:
            missing = "The specified rule does not exist in this security group."
            return ec2._error("InvalidPermission.NotFound", missing, 400)  # type: ignore[no-any-return]
        return answer

    ec2._ACTION_MAP[action] = revoked


_stripped = ec2._strip_descriptions


def add() -> None:
    ec2._strip_descriptions = _same
    for way in LISTED:
        _revoke(way)
