"""docs/settings.md, written from the settings themselves."""

from __future__ import annotations

from itertools import groupby

from liberty_cfn.settings import Declaration, declarations
from liberty_cfn.values import Number, Values

TARGETS = {
    "Accounts": "list of 12-digit accounts, in quotes",
    "OrganizationalUnitIds": "list of units, instead: the set is service-managed",
    "AccountFilterType": "what `Accounts` are to these units: `INTERSECTION` (only these, the "
    "default), `DIFFERENCE` (not these), `UNION` (these, too); `NONE` without `Accounts`",
    "Regions": "list of regions",
    "ParameterOverrides": "settings that differ, by region, unit, account or "
    "`ACCOUNT/REGION`; where two say the same setting, the later in this order wins",
    "Canary": "the `ACCOUNT/REGION` that goes first; else the first account and region",
    "OperationPreferences": "`RegionOrder` (that of `Regions`), `RegionConcurrencyType` "
    "(`SEQUENTIAL`), `FailureToleranceCount` or `FailureTolerancePercentage` (0), "
    "`MaxConcurrentCount` or `MaxConcurrentPercentage` (1), `ConcurrencyMode`",
    "ManagedExecution": "`true` to let AWS queue operations, and run what doesn't conflict",
    "AutoDeployment": "service-managed only: `true` to deploy to accounts that join the units",
    "RetainStacksOnAccountRemoval": "service-managed only: `true` to keep the stacks of "
    "accounts that leave the units",
}


def settings_document() -> str:
    """Return docs/settings.md: each setting with its type, default, limits and meaning."""
    lines = [
        "<!-- Generated from liberty_cfn/settings.py by `make templates`; edit that. -->",
        "# Settings",
        "",
        "What `params/<environment>.yaml` may say. A file says only what differs from the",
        "defaults, which are production's; a setting without a default must be said.",
        "",
        "Beside the settings, each file says its `Region` and its `Tags`, which every",
        "resource gets; `Account` to refuse another account's credentials; `Endpoint: local`",
        "if it is for the local AWS; and `Migrate`, the command that a one-off task of the new",
        "version runs before the service moves to it (`true`: Django's own), off by default.",
        "",
        "## Targets",
        "",
        "With `Targets`, the environment is a stack set: the same stacks in many accounts and",
        "regions (docs/stack-sets.md). `Region` is then where the stack set itself is, and",
        "`Account` its administrator. The words are CloudFormation's.",
        "",
        "| Key | What it says |",
        "|---|---|",
        *(f"| `{key}` | {says} |" for key, says in TARGETS.items()),
        "",
        "Each target needs a `NameSuffix` of its own, as bucket names are unique worldwide and",
        "role names in an account, and a name of its own in DNS.",
    ]
    for group, members in groupby(declarations().values(), key=lambda d: d.group):
        lines += ["", f"## {group}", "", "| Setting | Type | Default | Limits | Meaning |"]
        lines += ["|---|---|---|---|---|"]
        lines += [_row(member) for member in members]
    return "\n".join(lines) + "\n"


def limits_in_words(declaration: Declaration) -> str:
    """Return what a value may be, for people: `20 to 65536`, `true or false`."""
    limits = declaration.limits
    if "AllowedValues" in limits:
        *most, last = map(str, limits["AllowedValues"])
        return f"{', '.join(most)} or {last}"
    if "MinValue" in limits:
        return f"a whole number from {limits['MinValue']} to {limits['MaxValue']}"
    return str(limits["ConstraintDescription"])


def type_in_words(declaration: Declaration) -> str:
    """Return the type of a value: `number`, `text`, `list of text`."""
    if issubclass(declaration.kind, Values):
        return "list"
    return "number" if issubclass(declaration.kind, Number) else "text"


def _row(declaration: Declaration) -> str:
    default = declaration.limits.get("Default")
    cells = (
        f"`{declaration.name}`",
        type_in_words(declaration),
        "*required*" if default is None else f"`{default}`" if default != "" else "*empty*",
        limits_in_words(declaration),
        declaration.limits["Description"],
    )
    return "| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |"
