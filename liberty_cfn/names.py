"""How things are named.

A name in the spec appears in the code as the spec spells it, so that grep finds
it. Give a name only to what someone looks up by name: CloudFormation cannot
replace a resource whose name is fixed. The rest have a Name tag for the console.

The tags every resource shares are set once, on the root stack, when deploying;
CloudFormation copies them to everything below.
"""

from __future__ import annotations

from troposphere import Join, Tags

from liberty_cfn.values import Suffix

# The application's container, by which the load balancer and migrations find it.
CONTAINER = "liberty-social-backend"


def named(name: str, suffix: Suffix) -> Join:
    """Return `name` as this environment spells it."""
    return Join("", [name, suffix])


def name_tag(name: str, suffix: Suffix) -> Tags:
    """Return the tag that the console shows as the resource's name."""
    return Tags(Name=named(name, suffix))
