"""LC10xx: what stacks hand each other."""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from difflib import get_close_matches
from functools import lru_cache
from typing import Any

from liberty_cfn.model.loading import NESTED
from liberty_cfn.model.parsing import Template
from liberty_cfn.model.resolving import Resource, symbolic
from liberty_cfn.model.untold import untold
from liberty_cfn.review.spelling import listed
from liberty_cfn.review.spelling import referred as mentioned
from liberty_cfn.review.waiting import after, circle, waits
from liberty_cfn.rules.rule import (
    Design,
    Path,
    Problem,
    Rule,
    look,
    number,
    text,
    written_by_macros,
)

NESTING = (
    "https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/"
    "using-cfn-nested-stacks.html"
)
STACK = (
    "https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/"
    "aws-resource-cloudformation-stack.html"
)
PARAMETERS = (
    "https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/"
    "parameters-section-structure.html"
)
EXPORTS = "https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/using-cfn-stack-exports.html"
CONDITIONS = (
    "https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/"
    "conditions-section-structure.html"
)
KINDS = (
    "https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/"
    "cloudformation-supplied-parameter-types.html"
)
SELECT = (
    "https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/"
    "intrinsic-function-reference-select.html"
)
OUTPUTS = "Outputs."
# How conditions begin that are called after the parameter they ask about.
CALLED_AFTER = re.compile(r"^(Has|Is|Uses?|With|Creates?|Makes?|Enables?)")
MANY = 3  # stacks that do the same, so that another one is an exception
EXPORTED_ONCE = "LC1010"
LISTS = ("CommaDelimitedList", "List<")
# Where a value is, the property it is in, and itself.
Leaf = tuple[Path, str, Any]
# The kind of value that a Ref of a resource is, or an attribute of it; as properties and
# parameter types call for them.
IDS = {
    ("AWS::EC2::VPC", ""): "VPC",
    ("AWS::EC2::VPC", "VpcId"): "VPC",
    ("AWS::EC2::VPC", "DefaultSecurityGroup"): "security group",
    ("AWS::EC2::Subnet", ""): "subnet",
    ("AWS::EC2::Subnet", "SubnetId"): "subnet",
    ("AWS::EC2::SecurityGroup", "GroupId"): "security group",
    ("AWS::EC2::SecurityGroup", "Id"): "security group",
    ("AWS::EC2::RouteTable", ""): "route table",
    ("AWS::EC2::RouteTable", "RouteTableId"): "route table",
    ("AWS::EC2::InternetGateway", ""): "internet gateway",
    ("AWS::EC2::InternetGateway", "InternetGatewayId"): "internet gateway",
    ("AWS::EC2::NatGateway", ""): "NAT gateway",
    ("AWS::EC2::EIP", "AllocationId"): "address's allocation",
    ("AWS::EC2::EIP", "PublicIp"): "address",
    ("AWS::EC2::EIP", ""): "address",
    ("AWS::IAM::Role", "Arn"): "role's ARN",
    ("AWS::IAM::Role", ""): "role's name",
    ("AWS::ElasticLoadBalancingV2::TargetGroup", ""): "target group's ARN",
    ("AWS::ElasticLoadBalancingV2::TargetGroup", "TargetGroupArn"): "target group's ARN",
    ("AWS::ElasticLoadBalancingV2::TargetGroup", "TargetGroupName"): "target group's name",
    ("AWS::ElasticLoadBalancingV2::TargetGroup", "TargetGroupFullName"): "metric's name",
    ("AWS::ElasticLoadBalancingV2::LoadBalancer", ""): "load balancer's ARN",
    ("AWS::ElasticLoadBalancingV2::LoadBalancer", "LoadBalancerArn"): "load balancer's ARN",
    ("AWS::ElasticLoadBalancingV2::LoadBalancer", "LoadBalancerFullName"): "metric's name",
    ("AWS::ElasticLoadBalancingV2::LoadBalancer", "LoadBalancerName"): "load balancer's name",
    ("AWS::ElasticLoadBalancingV2::LoadBalancer", "DNSName"): "host's name",
    ("AWS::ElasticLoadBalancingV2::LoadBalancer", "CanonicalHostedZoneID"): "hosted zone",
    ("AWS::ElasticLoadBalancingV2::Listener", ""): "listener's ARN",
    ("AWS::CertificateManager::Certificate", ""): "certificate's ARN",
    ("AWS::Route53::HostedZone", ""): "hosted zone",
    ("AWS::Route53::HostedZone", "Id"): "hosted zone",
    ("AWS::ECS::Cluster", ""): "cluster",
    ("AWS::ECS::Cluster", "Arn"): "cluster",
    ("AWS::ECS::TaskDefinition", ""): "task definition",
    ("AWS::ECS::Service", ""): "service's ARN",
    ("AWS::ECS::Service", "Name"): "service's name",
    ("AWS::S3::Bucket", ""): "bucket's name",
    ("AWS::S3::Bucket", "Arn"): "bucket's ARN",
    ("AWS::S3::Bucket", "DomainName"): "host's name",
    ("AWS::SNS::Topic", ""): "topic's ARN",
    ("AWS::SNS::Topic", "TopicArn"): "topic's ARN",
    ("AWS::SNS::Topic", "TopicName"): "topic's name",
    ("AWS::Logs::LogGroup", ""): "log group's name",
    ("AWS::Logs::LogGroup", "Arn"): "log group's ARN",
    ("AWS::SecretsManager::Secret", ""): "secret's ARN",
    ("AWS::SecretsManager::Secret", "Id"): "secret's ARN",
    ("AWS::RDS::DBSubnetGroup", ""): "database's subnet group",
    ("AWS::ElastiCache::SubnetGroup", ""): "cache's subnet group",
    ("AWS::RDS::DBInstance", "Endpoint.Address"): "host's name",
    ("AWS::RDS::DBInstance", "Endpoint.Port"): "port",
    ("AWS::RDS::DBInstance", ""): "database",
    ("AWS::KMS::Key", ""): "key",
    ("AWS::KMS::Key", "Arn"): "key",
}
# What a property takes, whichever resource has it; more than one where services differ.
WANTED: dict[str, tuple[str, ...]] = {
    "VpcId": ("VPC",),
    "SubnetId": ("subnet",),
    "SubnetIds": ("subnet",),
    "Subnets": ("subnet",),
    "SecurityGroups": ("security group",),
    "SecurityGroupIds": ("security group",),
    "VPCSecurityGroups": ("security group",),
    "VpcSecurityGroupIds": ("security group",),
    "SourceSecurityGroupId": ("security group",),
    "DestinationSecurityGroupId": ("security group",),
    "RouteTableId": ("route table",),
    "RouteTableIds": ("route table",),
    "NatGatewayId": ("NAT gateway",),
    "InternetGatewayId": ("internet gateway",),
    "AllocationId": ("address's allocation",),
    "TaskRoleArn": ("role's ARN",),
    "ExecutionRoleArn": ("role's ARN",),
    "DeliverLogsPermissionArn": ("role's ARN",),
    "MonitoringRoleArn": ("role's ARN",),
    "TargetGroupArn": ("target group's ARN",),
    "LoadBalancerArn": ("load balancer's ARN",),
    "CertificateArn": ("certificate's ARN",),
    "TaskDefinition": ("task definition",),
    "Cluster": ("cluster",),
    "DBSubnetGroupName": ("database's subnet group",),
    "CacheSubnetGroupName": ("cache's subnet group",),
    "AlarmActions": ("topic's ARN",),
    "OKActions": ("topic's ARN",),
    "TopicArn": ("topic's ARN",),
    "LogGroupName": ("log group's name",),
    "awslogs-group": ("log group's name",),
    "Bucket": ("bucket's name",),
    "DNSName": ("host's name",),
    "ValueFrom": ("secret's ARN",),
}
# How the ids begin that EC2 gives. Of these, a Ref is the one; nothing else there is.
GIVEN = {
    "VPC": "vpc-",
    "subnet": "subnet-",
    "route table": "rtb-",
    "NAT gateway": "nat-",
    "internet gateway": "igw-",
}
SEVERAL = (
    *("SubnetIds", "Subnets", "SecurityGroups", "SecurityGroupIds", "VPCSecurityGroups"),
    *("VpcSecurityGroupIds", "RouteTableIds", "AlarmActions", "OKActions"),
)
EXPORT = re.compile(r"[A-Za-z0-9:-]{1,255}")
# In JSON: a Ref's name, or that of a variable in the text of a Sub.
REFERENCE = re.compile(r'"Ref": "([^"]*)"|\$\{\s*([^{}\s]*)\s*\}')
# What an exported name has that differs from stack to stack.
FROM_STACK = re.compile(r"AWS::Stack|\$\{\w+\}|\"Ref\": \"\w+\"")
# What a parameter of such a type takes, alone or as a list.
TYPED = {
    "AWS::EC2::VPC::Id": "VPC",
    "AWS::EC2::Subnet::Id": "subnet",
    "AWS::EC2::SecurityGroup::Id": "security group",
    "AWS::Route53::HostedZone::Id": "hosted zone",
}


def _stacks(design: Design) -> Iterator[tuple[Template, str, Mapping[str, Any], Template]]:
    """Yield every nested stack: the template it is in, its title, itself, its template."""
    for template in design.templates.templates.values():
        for title, stack in template.section("Resources").items():
            if isinstance(stack, dict) and stack.get("Type") == NESTED:
                child = design.templates.child(template.file, stack)
                if child:
                    yield template, title, stack, design.templates.templates[child]


def _given(stack: Mapping[str, Any]) -> Mapping[str, Any]:
    given = look(stack, "Properties", "Parameters")
    return given if isinstance(given, dict) else {}


def _at(title: str, name: str = "") -> Path:
    where = ("Resources", title, "Properties", "Parameters")
    return (*where, name) if name else where


def _ends_meet(design: Design) -> Iterator[Problem]:
    files = design.templates.templates
    for loose in design.flat.loose:
        if not written_by_macros(files[loose.file]):
            yield Problem("", loose.place, loose.why, loose.file)
    for template in files.values():
        for title, stack in template.section("Resources").items():
            if not isinstance(stack, dict) or stack.get("Type") != NESTED:
                continue
            url = look(stack, "Properties", "TemplateURL")
            missing = design.templates.child(template.file, stack) is None
            if isinstance(url, str) and "://" not in url and missing:
                where = ("Resources", title, "Properties", "TemplateURL")
                why = f"there is no {url} beside {template.file}"
                yield Problem("", where, why, template.file)


def _nothing_is_given_in_vain(design: Design) -> Iterator[Problem]:
    for template, title, stack, child in _stacks(design):
        declared = child.section("Parameters")
        for name in _given(stack):
            if name not in declared:
                there = ", ".join(declared)
                why = f"{child.file} has no parameter {name}; expected one of {there}"
                yield Problem("", _at(title, name), why, template.file)


def _values_are_single(design: Design) -> Iterator[Problem]:
    for template, title, stack, _ in _stacks(design):
        for name, value in _given(stack).items():
            if _is_list(value, template, design):
                why = f"{name} is a list; expected one text, by Fn::Join with ','"
                yield Problem("", _at(title, name), why, template.file)
            elif isinstance(value, dict) and len(value) != 1:
                why = f"{name} is a mapping; stacks hand each other text"
                yield Problem("", _at(title, name), why, template.file)


def _is_list(value: Any, template: Template, design: Design) -> bool:
    if isinstance(value, list):
        return True
    if not isinstance(value, dict) or len(value) != 1:
        return False
    ((function, argument),) = value.items()
    if function in ("Fn::Split", "Fn::GetAZs", "Fn::Cidr"):
        return True
    if function == "Fn::If" and isinstance(argument, list):
        return any(_is_list(item, template, design) for item in argument[1:])
    if function == "Ref":
        declared = look(template.section("Parameters"), argument, "Type")
        return str(declared).startswith(LISTS)
    return False


def _values_are_of_their_kind(design: Design) -> Iterator[Problem]:
    for template, title, stack, child in _stacks(design):
        for name, value in _given(stack).items():
            kind = str(look(child.section("Parameters"), name, "Type"))
            wanted = TYPED.get(kind.removeprefix("List<").removesuffix(">"))
            if wanted is None:
                continue
            for given in _sources(design, template, value):
                if given != wanted:
                    why = f"{name} is given a {given}; expected a {wanted}"
                    yield Problem("", _at(title, name), why, template.file)


def _sources(design: Design, template: Template, value: Any) -> Iterator[str]:
    """Yield the kinds of what a value is made of, through the outputs of other stacks."""
    if isinstance(value, list):
        for item in value:
            yield from _sources(design, template, item)
    if not isinstance(value, dict):
        return
    resources = template.section("Resources")
    named = value.get("Fn::GetAtt")
    if isinstance(named, list) and len(named) > 1:
        stack = resources.get(str(named[0]), {})
        child = design.templates.child(template.file, stack)
        output = str(named[1]).removeprefix(OUTPUTS)
        if child and str(named[1]).startswith(OUTPUTS):
            inside = design.templates.templates[child]
            yield from _sources(
                design, inside, look(inside.section("Outputs"), output, "Value")
            )
        elif (kind := IDS.get((str(look(stack, "Type")), str(named[1])))) is not None:
            yield kind
    elif isinstance(named := value.get("Ref"), str):
        if (kind := IDS.get((str(look(resources, named, "Type")), ""))) is not None:
            yield kind
    elif "Fn::Join" in value or "Fn::If" in value:
        inside_out = value.get("Fn::Join", value.get("Fn::If"))
        yield from _sources(design, template, inside_out)


def _references_fit(design: Design) -> Iterator[Problem]:
    for resource, leaves in _all_leaves(design):
        for path, name, value in leaves:
            if name not in WANTED or (name == "Subnets" and resource.type == "AWS::EC2::VPC"):
                continue
            if name in SEVERAL and path[-1] == name and "Fn::Join" in value:
                why = "one text given; expected a list, each for itself"
                yield Problem(resource.id, ("Properties", *path), why)
            kind = _kind(design, value) or _not_given(design, WANTED[name][0], value)
            if kind and kind not in WANTED[name]:
                article = "an" if kind[0] in "Aa" else "a"
                why = f"{article} {kind} given; expected a {' or '.join(WANTED[name])}"
                yield Problem(resource.id, ("Properties", *path), why)


def _not_given(design: Design, wanted: str, value: Any) -> str:
    """Return what is there in the place of an id of EC2's; empty if it may be one."""
    if wanted not in GIVEN:
        return ""
    if (plain := text(value)) is not None:
        return "" if plain.startswith(GIVEN[wanted]) else f"text, {plain!r},"
    made = design.follow(value)
    return made.type if made and made.type.startswith("AWS::EC2::") and "Ref" in value else ""


def _kind(design: Design, value: Any) -> str:
    resource = design.follow(value)
    attribute = ""
    if isinstance(value, dict) and isinstance(named := value.get("Fn::GetAtt"), list):
        attribute = str(named[1]) if len(named) > 1 else ""
    return IDS.get((resource.type, attribute), "") if resource else ""


# Two rules ask.
@lru_cache(maxsize=2)
def _all_leaves(design: Design) -> tuple[tuple[Resource, tuple[Leaf, ...]], ...]:
    made = design.resolved.resources.values()
    return tuple((resource, tuple(_leaves(resource.properties))) for resource in made)


def _leaves(value: Any, path: Path = (), name: str = "") -> Iterator[Leaf]:
    """Yield everything that is no mapping of properties, with the property it is in."""
    if isinstance(value, dict):
        if len(value) == 1 and (function := next(iter(value))).startswith(("Ref", "Fn::")):
            yield path, name, value
            if function != "Fn::If":
                return
        for key, item in value.items():
            yield from _leaves(item, (*path, key), key)
    elif isinstance(value, list):
        for index, item in enumerate(value):
            yield from _leaves(item, (*path, index), name)
    elif name in WANTED:
        yield path, name, value


def _outputs_are_used(design: Design) -> Iterator[Problem]:
    used: dict[str, set[str]] = {}
    texts = {f: json.dumps(template.body) for f, template in design.templates.templates.items()}
    for template, title, _, child in _stacks(design):
        said = texts[template.file]
        for name, body in child.section("Outputs").items():
            by_name = f'"{OUTPUTS}{name}"' in said and f'"{title}"' in said
            if by_name or f"{title}.{OUTPUTS}{name}" in said or look(body, "Export"):
                used.setdefault(child.file, set()).add(name)
    for child in {c.file: c for _, _, _, c in _stacks(design)}.values():
        for name in child.section("Outputs").keys() - used.get(child.file, set()):
            why = f"nobody uses {name}; expected one who does, or no such output"
            yield Problem("", ("Outputs", name), why, child.file)


def _parameters_are_used(design: Design) -> Iterator[Problem]:
    for template in design.templates.templates.values():
        if written_by_macros(template):
            continue
        body = {k: v for k, v in template.body.items() if k not in ("Parameters", "Metadata")}
        for name in template.section("Parameters").keys() - _names_in(body):
            why = f"nobody uses {name}; expected who does, or no such parameter"
            yield Problem("", ("Parameters", name), why, template.file)
    flat = design.flat.template
    made_of = _names_in({key: flat.get(key) for key in ("Conditions", "Resources", "Outputs")})
    root = design.templates.templates[design.templates.root]
    if written_by_macros(root):
        return
    for name in (root.section("Parameters").keys() & _names_in(root.body)) - made_of:
        why = f"{name} is handed on, and no stack makes anything of it"
        yield Problem("", ("Parameters", name), why, root.file)


def _names_in(body: Any) -> set[str]:
    """Return whatever is referred to in something, by Refs or in the texts of Subs."""
    return {name for both in REFERENCE.findall(json.dumps(body)) for name in both}


def _values_are_allowed(design: Design) -> Iterator[Problem]:
    yield from _handed_on(design)
    for template, title, stack, child in _stacks(design):
        for name, value in _given(stack).items():
            declared = look(child.section("Parameters"), name)
            said = text(value)
            if isinstance(declared, dict) and (why := _not_allowed(said, declared)):
                yield Problem("", _at(title, name), f"{name}: {why}", template.file)
    for template in design.templates.templates.values():
        for name, declared in template.section("Parameters").items():
            said = text(look(declared, "Default"))
            if isinstance(declared, dict) and (why := _not_allowed(said, declared)):
                where = ("Parameters", name, "Default")
                yield Problem("", where, f"{name}'s default: {why}", template.file)


def _handed_on(design: Design) -> Iterator[Problem]:
    """Values that a parameter takes, and that to which it is handed on doesn't."""
    for template, title, stack, child in _stacks(design):
        for name, value in _given(stack).items():
            declared = look(child.section("Parameters"), name)
            own = look(template.section("Parameters"), look(value, "Ref"))
            if not isinstance(declared, dict) or not isinstance(own, dict):
                continue
            values = listed(own.get("AllowedValues")) or [own.get("Default")]
            why = next(filter(None, (_not_allowed(text(v), declared) for v in values)), "")
            if why:
                yield Problem("", _at(title, name), f"{name} may be: {why}", template.file)


def _given_by_name(design: Design) -> Iterator[Problem]:
    """Parameters that get another value than the one of their own name, which is there."""
    by_file: dict[str, list[tuple[str, Mapping[str, Any], Template]]] = {}
    for template, title, stack, child in _stacks(design):
        by_file.setdefault(template.file, []).append((title, _given(stack), child))
    for file, stacks in by_file.items():
        told = {
            title: {f"{OUTPUTS}{name}" for name in child.section("Outputs")}
            for title, _, child in stacks
        }
        ours = design.templates.templates[file].section("Parameters")
        for title, given, _ in stacks:
            for name, value in given.items():
                alike = [other.get(name) for _, other, _ in stacks]
                meant = _told_by_name(name, value, told) or _as_elsewhere(value, alike)
                another = look(value, "Ref") in ours and {"Ref": name} in alike
                if not meant and another and value != {"Ref": name}:
                    meant = name
                if meant:
                    why = f"{name} is given {_called(value)}; expected {meant}"
                    yield Problem("", _at(title, name), why, file)


def _called(value: Any) -> str:
    return str(look(value, "Ref") or ".".join(map(str, look(value, "Fn::GetAtt") or ())))


def _told_by_name(name: str, value: Any, told: Mapping[str, set[str]]) -> str:
    """Return the output that is called as the parameter to which another is given."""
    named = look(value, "Fn::GetAtt")
    if not isinstance(named, list) or named[-1] == (wanted := f"{OUTPUTS}{name}"):
        return ""
    if named[-1] not in told.get(str(named[0]), ()):
        return ""
    whose = [str(named[0]), *told]
    return next((f"{title}.{wanted}" for title in whose if wanted in told[title]), "")


def _as_elsewhere(value: Any, others: Sequence[Any]) -> str:
    """Return the parameter that all other stacks get for theirs of the same name."""
    given = Counter(str(look(one, "Ref")) for one in others if look(one, "Ref"))
    usual, count = given.most_common(1)[0] if given else ("", 0)
    alone = given[str(look(value, "Ref"))] == 1 and len(given) == 2  # noqa: PLR2004
    return usual if alone and count >= MANY and look(value, "Ref") != usual else ""


def _not_allowed(said: str | None, declared: Mapping[str, Any]) -> str:
    """Return why a parameter doesn't take a value; empty if it does, or nobody knows."""
    if said is None:
        return ""
    several = str(declared.get("Type", "")).startswith(LISTS)
    items = [item.strip() for item in said.split(",")] if several else [said]
    return next(filter(None, (_unlisted(i, declared) for i in items)), "") or _out_of_range(
        said, declared
    )


def _unlisted(item: str, declared: Mapping[str, Any]) -> str:
    allowed = [str(text(value)) for value in listed(declared.get("AllowedValues"))]
    pattern = declared.get("AllowedPattern")
    if allowed and item not in allowed:
        return f"{item!r} given, expected one of {', '.join(allowed)}"
    if isinstance(pattern, str) and not _fits(pattern, item):
        return f"{item!r} given, expected what fits {pattern}"
    return ""


def _out_of_range(said: str, declared: Mapping[str, Any]) -> str:
    is_number = declared.get("Type") == "Number"
    size = number(said) if is_number else len(said)
    if size is None:
        return f"{said!r} given, expected a number"
    least, most = ("MinValue", "MaxValue") if is_number else ("MinLength", "MaxLength")
    if (bound := number(declared.get(least))) is not None and size < bound:
        return f"{said!r} given, expected {bound:g} at least"
    if (bound := number(declared.get(most))) is not None and size > bound:
        return f"{said!r} given, expected {bound:g} at most"
    return ""


def _fits(pattern: str, item: str) -> bool:
    try:
        return re.fullmatch(pattern, item) is not None
    except re.error:
        # Of Java's kind: only CloudFormation can tell.
        return True


def _no_stacks_in_a_circle(design: Design) -> Iterator[Problem]:
    for template in design.templates.templates.values():
        resources = template.section("Resources")
        waiting = waits(resources)
        for title in waiting:
            if look(resources, title, "Type") == NESTED and (found := circle(title, waiting)):
                others = sorted(found - {title}) or [title]
                why = f"waits for itself, by {' and '.join(others)}; expected one to be first"
                yield Problem("", ("Resources", title), why, template.file)


def _imports(value: Any, at: Path = ()) -> Iterator[tuple[Path, str]]:
    """Yield each import: where it is, and the name it is of."""
    if isinstance(value, dict):
        for key, item in value.items():
            if key == "Fn::ImportValue":
                yield at, json.dumps(item)
            yield from _imports(item, (*at, key))
    elif isinstance(value, list):
        for index, item in enumerate(value):
            yield from _imports(item, (*at, index))


def _exported(design: Design) -> Iterator[tuple[Template, str, str]]:
    """Yield every export: the template, the output, and the name it is exported by."""
    for template in design.templates.templates.values():
        for name, body in template.section("Outputs").items():
            export = look(body, "Export", "Name")
            if export is not None:
                yield template, name, json.dumps(export)


def _exports_come_first(design: Design) -> Iterator[Problem]:
    exported: dict[str, str] = {}
    for template, name, key in _exported(design):
        if key in exported:
            why = f"{key} is exported by {exported[key]}, too; a region has each name once"
            yield Problem("", ("Outputs", name, "Export"), why, template.file)
        exported.setdefault(key, template.file)
        if not key.startswith("{") and not EXPORT.fullmatch(json.loads(key)):
            why = f"{key} is no name to export by; expected letters, digits, colons, hyphens"
            yield Problem("", ("Outputs", name, "Export"), why, template.file)
    for template, title, _, child in _stacks(design) if exported else ():
        beside = {c.file: t for s, t, _, c in _stacks(design) if s.file == template.file}
        waiting = waits(template.section("Resources"))
        for key in {key for _, key in _imports(child.body)}:
            giver = beside.get(exported.get(key, ""))
            if giver and giver not in after(title, waiting):
                why = f"imports {key} of {giver}, and may be made first"
                why += f"; expected DependsOn: {giver}"
                yield Problem("", ("Resources", title), why, template.file)


def exports_meet(designs: Sequence[Design]) -> Iterator[tuple[Design, Problem]]:
    """Yield what is wrong between sets of templates that share a region's exports.

    A name that differs from stack to stack is left out, and an import of what nobody here
    exports, unless it is nearly what somebody does: the others may be elsewhere.
    """
    exported: dict[str, str] = {}
    for design in designs:
        for template, name, key in _exported(design):
            there = exported.setdefault(key, template.file)
            if there not in design.templates.templates and not FROM_STACK.search(key):
                why = f"{key} is exported by {there}, too; a region has each name once"
                yield design, Problem("", ("Outputs", name, "Export"), why, template.file)
    for design in designs if exported else ():
        for template in design.templates.templates.values():
            for at, key in _imports(template.body):
                meant = get_close_matches(key, exported, n=1, cutoff=0.8)
                if meant and key not in exported:
                    why = f"imports {key}, which nobody exports; did you mean {meant[0]}?"
                    yield design, Problem("", at, why, template.file)


def _what_is_used_is_made(design: Design) -> Iterator[Problem]:
    declared = design.flat.template.get("Resources", {})
    made = design.resolved.resources
    for resource, leaves in _all_leaves(design):
        for path, _, value in leaves:
            for name in {*mentioned(value)}:
                if name in declared and name not in made:
                    why = (
                        f"{name} isn't made with these values, by its Condition; expected "
                        "Fn::If, or the same Condition here"
                    )
                    yield Problem(resource.id, ("Properties", *path), why)
    yield from _outputs_are_told(design)
    for name, value in design.resolved.outputs.items():
        for title in {*mentioned(value)}:
            if symbolic(value) and title in declared and title not in made:
                why = f"{title} isn't made with these values; expected the same Condition here"
                yield Problem("", ("Outputs", name), why)


def _outputs_are_told(design: Design) -> Iterator[Problem]:
    """Outputs of nested stacks that have a condition, used where that doesn't hold."""
    for found in untold(design.templates, design.resolved.conditions):
        why = f"{found}; expected Fn::If, or the same Condition here"
        yield Problem("", found.place, why, found.file)


ROOT = """
Resources:
  Network: {Type: AWS::CloudFormation::Stack, Properties: {TemplateURL: network.yaml}}
  Groups:
    Type: AWS::CloudFormation::Stack
    Properties:
      TemplateURL: groups.yaml
      Parameters: {VpcId: !GetAtt Network.Outputs.VpcId}
"""
NETWORK = """
Resources: {Vpc: {Type: AWS::EC2::VPC}, Subnet: {Type: AWS::EC2::Subnet}}
Outputs: {VpcId: {Value: !Ref Vpc}}
"""
GROUPS = """
Parameters: {VpcId: {Type: AWS::EC2::VPC::Id}}
Resources: {Group: {Type: AWS::EC2::SecurityGroup, Properties: {VpcId: !Ref VpcId}}}
"""


def _three(root: str = ROOT, network: str = NETWORK, groups: str = GROUPS) -> dict[str, str]:
    return {"root.yaml": root, "network.yaml": network, "groups.yaml": groups}


def _picks(design: Design) -> Iterator[Problem]:
    for resource in design.resolved.resources.values():
        for path, index, items in _selected(resource.properties, ("Properties",)):
            why = (
                f"{index} is behind the end of its {len(items)}; expected 0 to {len(items) - 1}"
            )
            yield Problem(resource.id, path, why)


def _selected(value: Any, at: Path) -> Iterator[tuple[Path, int, list[Any]]]:
    """Yield each Fn::Select that picks from behind a list's end: where, which, and the list."""
    if isinstance(value, dict):
        picked = value.get("Fn::Select")
        if isinstance(picked, list) and len(picked) == 2 and isinstance(picked[1], list):  # noqa: PLR2004
            index, items = number(picked[0]), picked[1]
            if index is not None and index >= len(items) > 0:
                yield at, int(index), items
                return
    below = value.items() if isinstance(value, dict) else enumerate(value)
    for step, item in below:
        if isinstance(item, dict | list):
            yield from _selected(item, (*at, step))


def _decides(design: Design) -> Iterator[Problem]:
    """Conditions that are the same whatever the parameters, and Ifs that are either way."""
    for template in design.templates.templates.values():
        parameters = template.section("Parameters")
        for title, body in template.section("Conditions").items():
            about = CALLED_AFTER.sub("", title)
            asked = {*mentioned(body)}
            if about != title and about in parameters and asked and about not in asked:
                why = f"asks about {' and '.join(sorted(asked))}; expected {about}"
                yield Problem("", ("Conditions", title), why, template.file)
        for at, function, given in _asking(template.body):
            if function == "Fn::If" and len(given) == 3 and given[1] == given[2]:  # noqa: PLR2004
                why = f"the same whether {given[0]} holds or not; expected two values, or no If"
                yield Problem("", at, why, template.file)
            if function != "Fn::Equals" or len(given) != 2:  # noqa: PLR2004
                continue
            for one, other in (given, given[::-1]):
                allowed = look(parameters, look(one, "Ref"), "AllowedValues")
                values = [text(value) for value in listed(allowed)]
                if values and text(other) is not None and text(other) not in values:
                    why = f"{one['Ref']} is never {text(other)!r}; expected one of "
                    told = why + ", ".join(map(str, values))
                    yield Problem("", at, told, template.file)


def _asking(value: Any, at: Path = ()) -> Iterator[tuple[Path, str, list[Any]]]:
    """Yield each Fn::If and Fn::Equals: where it is, which, and what it is given."""
    below = value.items() if isinstance(value, dict) else enumerate(value)
    for step, item in below:
        if isinstance(item, list) and step in ("Fn::If", "Fn::Equals"):
            yield at, str(step), item
        if isinstance(item, dict | list):
            yield from _asking(item, (*at, step))


def _finds(design: Design) -> Iterator[Problem]:
    mappings = design.flat.template.get("Mappings", {})
    for resource in design.resolved.resources.values() if mappings else ():
        for path, wanted in _sought(resource.properties, ("Properties",)):
            mapping = mappings.get(str(wanted[0]))
            keys = [text(key) for key in wanted[1:3]]
            # Nobody says in which region such a template is.
            anywhere = design.environment is None and design.region in keys
            if not isinstance(mapping, dict) or None in keys or anywhere:
                continue
            there = mapping.get(str(keys[0]))
            known = list(there if isinstance(there, dict) else mapping)
            lacking = keys[1] if isinstance(there, dict) else keys[0]
            why = f"{wanted[0]} has no {' / '.join(map(str, keys))}; for {lacking}, expected "
            yield Problem(resource.id, path, f"{why}one of {', '.join(map(str, known))}")


def _sought(value: Any, at: Path) -> Iterator[tuple[Path, list[Any]]]:
    """Yield each Fn::FindInMap that found nothing: where, and what it looks for."""
    wanted = value.get("Fn::FindInMap") if isinstance(value, dict) else None
    if isinstance(wanted, list) and len(wanted) == 3:  # noqa: PLR2004
        yield at, wanted
        return
    below = value.items() if isinstance(value, dict) else enumerate(value)
    for step, item in below:
        if isinstance(item, dict | list):
            yield from _sought(item, (*at, step))


IMPORTING = """
Resources:
  Group: {Type: AWS::EC2::SecurityGroup, Properties: {VpcId: !ImportValue vpc}}
"""
EXPORTING = NETWORK.replace("!Ref Vpc}", "!Ref Vpc, Export: {Name: vpc}}")
APART = ROOT.replace("      Parameters: {VpcId: !GetAtt Network.Outputs.VpcId}\n", "")
SWITCHED = """
Parameters: {Logged: {Type: String, Default: "false", AllowedValues: ["true", "false"]}}
Conditions: {IsLogged: !Equals [!Ref Logged, "true"]}
Resources:
  Logs: {Type: AWS::Logs::LogGroup, Condition: IsLogged}
  Filter:
    Type: AWS::Logs::MetricFilter
    Condition: IsLogged
    Properties: {LogGroupName: !Ref Logs}
"""
BELOW = SWITCHED.replace(', Default: "false"', "")
TOLD = {
    "root.yaml": """
Parameters: {Logged: {Type: String, Default: "false", AllowedValues: ["true", "false"]}}
Conditions: {IsLogged: !Equals [!Ref Logged, "true"]}
Resources:
  Below:
    Type: AWS::CloudFormation::Stack
    Properties: {TemplateURL: below.yaml, Parameters: {Logged: !Ref Logged}}
Outputs: {Logs: {Condition: IsLogged, Value: !GetAtt Below.Outputs.Logs}}
""",
    "below.yaml": f"{BELOW}Outputs: {{Logs: {{Condition: IsLogged, Value: here}}}}\n",
}


def _told(value: str) -> dict[str, str]:
    """Return two stacks, and what the upper one makes of an output of the lower."""
    said = value.replace("VALUE", "!GetAtt Below.Outputs.Logs")
    told = TOLD["root.yaml"].replace(
        "Condition: IsLogged, Value: !GetAtt Below.Outputs.Logs", f"Value: {said}"
    )
    return {**TOLD, "root.yaml": told}


BY_MACRO = """
Transform: AWS::Serverless-2016-10-31
Parameters: {Stage: {Type: String}}
Resources:
  Worker: {Type: AWS::Serverless::Function, Properties: {Handler: main.work}}
Outputs: {Role: {Value: !Ref WorkerRole}}
"""
PICKED = """
Parameters: {Zones: {Type: CommaDelimitedList, Default: "a,b"}}
Resources:
  Subnet: {Type: AWS::EC2::Subnet, Properties: {AvailabilityZone: !Select [1, !Ref Zones]}}
"""
SIZED = """
Parameters: {Env: {Type: String, Default: prod}}
Mappings: {Sizes: {prod: {Count: 2}, dev: {Count: 1}}}
Resources:
  Service:
    Type: AWS::ECS::Service
    Properties: {DesiredCount: !FindInMap [Sizes, !Ref Env, Count]}
"""
KEY = "Key: {Type: String}, "
DECIDED = """
Parameters: {Env: {Type: String, AllowedValues: [prod, dev]}}
Conditions: {IsProd: !Equals [!Ref Env, prod]}
Resources:
  Database:
    Type: AWS::RDS::DBInstance
    Properties: {MultiAZ: !If [IsProd, true, false]}
"""
NAMED = "Parameters: {Domain: {Type: String}, Suffix: {Type: String}}\nResources:\n" + "".join(
    f"""  {title}:
    Type: AWS::CloudFormation::Stack
    Properties:
      TemplateURL: stack.yaml
      Parameters: {{Domain: !Ref Domain, End: !Ref Suffix}}
"""
    for title in ("First", "Second", "Third", "Fourth")
)
STACKED = """
Parameters: {Domain: {Type: String}, End: {Type: String}}
Resources: {Topic: {Type: AWS::SNS::Topic, Properties: {TopicName: !Sub '${Domain}${End}'}}}
"""

RULES: tuple[Rule, ...] = (
    Rule(
        "LC1001",
        "error",
        "Every end meets: parameters are given, outputs and resources are there",
        "CloudFormation refuses a nested stack without a value for a parameter, and an output "
        "that isn't there, only when it comes to that stack.",
        NESTING,
        _ends_meet,
        good=(_three(), {"root.yaml": BY_MACRO}),
        bad=(
            _three(root=APART),
            _three(root=ROOT.replace("Outputs.VpcId", "Outputs.Vpc")),
            _three(groups=GROUPS.replace("!Ref VpcId", "!Ref Vpc")),
            _three(root=ROOT.replace("groups.yaml", "group.yaml")),
            _three(root=ROOT.replace("!GetAtt Network.Outputs", "!GetAtt Net.Outputs")),
        ),
        once=True,
    ),
    Rule(
        "LC1002",
        "error",
        "A nested stack is given no parameter that it hasn't",
        "CloudFormation refuses the stack: Parameters do not exist in the template.",
        STACK,
        _nothing_is_given_in_vain,
        good=(_three(),),
        bad=(_three(root=ROOT.replace("{VpcId:", "{Suffix: -dev, VpcId:")),),
        once=True,
    ),
    Rule(
        "LC1003",
        "error",
        "Stacks hand each other text: a list is joined",
        "A list where text is expected is refused: Value of property Parameters must be an "
        "object with String (or simple type) properties.",
        STACK,
        _values_are_single,
        good=(_three(),),
        bad=(
            _three(root=ROOT.replace("!GetAtt Network.Outputs.VpcId", "[a, b]")),
            _three(root=ROOT.replace("!GetAtt Network.Outputs.VpcId", "!GetAZs ''")),
            _three(
                root="Parameters: {Origins: {Type: CommaDelimitedList}}\n"
                + ROOT.replace("!GetAtt Network.Outputs.VpcId", "!Ref Origins")
            ),
        ),
        once=True,
    ),
    Rule(
        "LC1004",
        "error",
        "A parameter is given a value of its kind",
        "Between stacks everything is text: a subnet for a VPC goes unnoticed until the "
        "nested stack fails.",
        KINDS,
        _values_are_of_their_kind,
        good=(_three(),),
        bad=(
            _three(network=NETWORK.replace("!Ref Vpc}", "!Ref Subnet}")),
            _three(groups=GROUPS.replace("AWS::EC2::VPC::Id", "List<AWS::EC2::Subnet::Id>")),
        ),
        once=True,
    ),
    Rule(
        "LC1005",
        "error",
        "A property is given what it takes: an id, an ARN or a name, of the right thing",
        "The name where the ARN is expected, or the subnet for the VPC, is refused by the "
        "service when the resource is made; through parameters no linter sees it.",
        KINDS,
        _references_fit,
        good=(_three(),),
        bad=(
            _three(
                network=NETWORK.replace("!Ref Vpc}", "!Ref Subnet}"),
                groups=GROUPS.replace("AWS::EC2::VPC::Id", "String"),
            ),
            """
Role: {Type: AWS::IAM::Role}
Task: {Type: AWS::ECS::TaskDefinition, Properties: {TaskRoleArn: !Ref Role}}
""",
            """
Topic: {Type: AWS::SNS::Topic}
Alarm: {Type: AWS::CloudWatch::Alarm, Properties: {AlarmActions: [!GetAtt Topic.TopicName]}}
""",
            "Table: {Type: AWS::EC2::RouteTable, Properties: {VpcId: -dev}}\n",
            """
Pair: {Type: AWS::EC2::SubnetRouteTableAssociation}
Way: {Type: AWS::EC2::Route, Properties: {RouteTableId: !Ref Pair}}
""",
            """
A: {Type: AWS::EC2::Subnet}
B: {Type: AWS::EC2::Subnet}
Group:
  Type: AWS::RDS::DBSubnetGroup
  Properties: {SubnetIds: !Join [",", [!Ref A, !Ref B]]}
""",
        ),
    ),
    Rule(
        "LC1006",
        "error",
        "Every output of a nested stack is used",
        "An output that nobody reads is a wire that hangs loose: what should have been "
        "connected isn't, or is no longer.",
        NESTING,
        _outputs_are_used,
        good=(_three(),),
        bad=(
            _three(
                network=NETWORK.replace(
                    "Outputs: {", "Outputs: {SubnetId: {Value: !Ref Subnet}, "
                )
            ),
        ),
        once=True,
    ),
    Rule(
        "LC1007",
        "error",
        "Every parameter and setting is used",
        "A setting that changes nothing is believed to: somebody sets it, deploys, and relies "
        "on it.",
        PARAMETERS,
        _parameters_are_used,
        good=(_three(), {"root.yaml": SWITCHED}, {"root.yaml": BY_MACRO}),
        bad=(
            _three(groups=GROUPS.replace("Properties: {VpcId: !Ref VpcId}", "Properties: {}")),
            {"root.yaml": SWITCHED.replace("!Ref Logged", "other")},
            {
                "root.yaml": "Parameters: {Days: {Type: Number}}\n"
                + ROOT.replace("{VpcId:", "{Days: !Ref Days, VpcId:"),
                "network.yaml": NETWORK,
                "groups.yaml": GROUPS.replace("{VpcId: {", "{Days: {Type: Number}, VpcId: {"),
            },
        ),
        once=True,
    ),
    Rule(
        "LC1008",
        "error",
        "A parameter's value is one that it allows",
        "CloudFormation compares values with AllowedValues, AllowedPattern and the limits when "
        "it comes to the stack, and refuses it then.",
        PARAMETERS,
        _values_are_allowed,
        good=({"root.yaml": SWITCHED}, TOLD, _told("!If [IsLogged, VALUE, none]")),
        bad=(
            {"root.yaml": SWITCHED.replace('Default: "false"', "Default: maybe")},
            _three(
                root=ROOT.replace("!GetAtt Network.Outputs.VpcId", "vpc"),
                groups=GROUPS.replace("AWS::EC2::VPC::Id", "String, AllowedPattern: vpc-.+"),
            ),
            _three(
                root="Parameters: {Id: {Type: String, AllowedValues: [vpc-1, default]}}"
                + ROOT.replace("!GetAtt Network.Outputs.VpcId", "!Ref Id"),
                groups=GROUPS.replace("AWS::EC2::VPC::Id", "String, AllowedPattern: vpc-.+"),
            ),
            _three(
                root=ROOT.replace("!GetAtt Network.Outputs.VpcId", "5"),
                groups=GROUPS.replace("AWS::EC2::VPC::Id", "Number, MinValue: 20"),
            ),
        ),
        once=True,
    ),
    Rule(
        "LC1009",
        "error",
        "No stack waits for itself",
        "Two stacks that use each other's outputs are a circle: CloudFormation refuses the "
        "template that nests them.",
        NESTING,
        _no_stacks_in_a_circle,
        good=(_three(),),
        bad=(
            _three(root=ROOT.replace("Network: {Type", "Network: {DependsOn: Groups, Type")),
            _three(
                root=ROOT.replace(
                    "network.yaml}",
                    "network.yaml, Parameters: {Group: !GetAtt Groups.Outputs.Id}}",
                ),
                network="Parameters: {Group: {Type: String}}\n" + NETWORK,
                groups=GROUPS + "Outputs: {Id: {Value: !GetAtt Group.GroupId}}\n",
            ),
        ),
        once=True,
    ),
    Rule(
        EXPORTED_ONCE,
        "error",
        "A name is exported once, and before it is imported",
        "A region has each exported name once. Stacks side by side are made at once, so one "
        "that imports has to say that it waits.",
        EXPORTS,
        _exports_come_first,
        good=(
            _three(
                root=APART.replace("  Groups:\n", "  Groups:\n    DependsOn: Network\n"),
                network=EXPORTING,
                groups=IMPORTING,
            ),
        ),
        bad=(
            _three(root=APART, network=EXPORTING, groups=IMPORTING),
            _three(network=EXPORTING.replace("Name: vpc", "Name: the vpc")),
            _three(
                root=APART,
                network=EXPORTING,
                groups=IMPORTING.replace("!ImportValue vpc", "vpc-1")
                + "Outputs: {A: {Value: x, Export: {Name: vpc}}}",
            ),
        ),
        once=True,
    ),
    Rule(
        "LC1011",
        "error",
        "What is referred to is made, in every environment",
        "A reference to a resource whose condition doesn't hold is refused: Template format "
        "error: Unresolved resource dependencies.",
        CONDITIONS,
        _what_is_used_is_made,
        good=({"root.yaml": SWITCHED},),
        bad=(
            {
                "root.yaml": SWITCHED.replace(
                    "MetricFilter\n    Condition: IsLogged", "MetricFilter"
                )
            },
            {"root.yaml": SWITCHED + "Outputs: {Logs: {Value: !Ref Logs}}"},
            _told("VALUE"),
            _told("!If [IsLogged, none, VALUE]"),
            _told("!Sub '${Below.Outputs.Logs}'"),
        ),
    ),
    Rule(
        "LC1012",
        "error",
        "Fn::Select picks what is in its list",
        "CloudFormation refuses an index behind the list's end: Fn::Select cannot select "
        "nonexistent value.",
        SELECT,
        _picks,
        good=({"root.yaml": PICKED}, {"root.yaml": PICKED.replace("!Ref Zones", "!GetAZs ''")}),
        bad=({"root.yaml": PICKED.replace("[1,", "[2,")},),
    ),
    Rule(
        "LC1013",
        "error",
        "Fn::FindInMap finds what is in its mapping",
        "CloudFormation refuses a template that looks for a key a mapping hasn't, with these "
        "parameters: an environment without its sizes.",
        "https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/"
        "intrinsic-function-reference-findinmap.html",
        _finds,
        good=({"root.yaml": SIZED},),
        bad=(
            {"root.yaml": SIZED.replace("Default: prod", "Default: staging")},
            {"root.yaml": SIZED.replace("Env, Count", "Env, Counts")},
        ),
    ),
    Rule(
        "LC1014",
        "error",
        "A condition decides something",
        "What is compared with a value that its parameter never has, or comes to the same both "
        "ways, is a slip: production gets what was meant for development.",
        CONDITIONS,
        _decides,
        good=({"root.yaml": DECIDED},),
        bad=(
            {"root.yaml": DECIDED.replace("Env, prod]", "Env, production]")},
            {"root.yaml": DECIDED.replace("IsProd, true, false", "IsProd, false, false")},
            {"root.yaml": DECIDED.replace("IsProd", "HasKey").replace("{Env:", f"{{{KEY}Env:")},
        ),
        once=True,
    ),
    Rule(
        "LC1015",
        "error",
        "What has a name of its own is handed on by that name",
        "A stack that gets another output or setting than the one of its parameter's name is "
        "made, and looks well; the mail comes from nowhere, or the names collide.",
        NESTING,
        _given_by_name,
        good=(_three(), {"root.yaml": NAMED, "stack.yaml": STACKED}),
        bad=(
            _three(
                root=ROOT.replace("Outputs.VpcId", "Outputs.SubnetId"),
                network=NETWORK.replace("}}\n", "}, SubnetId: {Value: !Ref Subnet}}\n"),
            ),
            {
                "root.yaml": NAMED.replace("Domain: !Ref Domain", "Domain: !Ref Suffix", 1),
                "stack.yaml": STACKED,
            },
            {
                "root.yaml": NAMED.replace("End: !Ref Suffix", "End: !Ref Domain", 1),
                "stack.yaml": STACKED,
            },
        ),
        once=True,
    ),
)
