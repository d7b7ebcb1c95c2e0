"""Two versions compared: sets, environments, and how it is told."""

import json
from pathlib import Path

import pytest
from markdown_it import MarkdownIt
from versions import ROOT, nested, resource, version

from liberty_cfn import environments
from liberty_cfn.deploy import packaging
from liberty_cfn.digests import digest
from liberty_cfn.model.flattening import flatten
from liberty_cfn.model.loading import sets
from liberty_cfn.model.parsing import ParseError
from liberty_cfn.model.resolving import resolve
from liberty_cfn.review import markdown, reviewing, sources, values
from liberty_cfn.review.data import data
from liberty_cfn.review.explaining import UnknownResourceError, explain
from liberty_cfn.review.explaining import lines as explained
from liberty_cfn.review.findings import Kind
from liberty_cfn.review.folding import fold
from liberty_cfn.review.reviewing import between, compare, review
from liberty_cfn.review.sources import Version
from liberty_cfn.review.text import lines

HERE = Path(__file__).parent.parent.parent
DATABASE = {
    "Parameters": {"Size": {"Type": "String", "Default": "db.t3.micro"}},
    "Resources": {
        "Db": resource("RDS::DBInstance", {"DBInstanceClass": {"Ref": "Size"}, "DBName": "a"})
    },
}


def sized(**values_):
    return version(root=DATABASE, values={name: {"Size": s} for name, s in values_.items()})


def text(found):
    return "\n".join(lines(found, fold(found)))


def rendered(found):
    return markdown.markdown(found, fold(found))


@pytest.fixture(scope="module")
def ours():
    return sources.here(HERE)


def edited(ours, old, new, file="root"):
    path = f"templates/{file}.yaml"
    assert old in ours.templates[path]
    texts = {**ours.templates, path: ours.templates[path].replace(old, new, 1)}
    return sources.Version("edited", texts, ours.params)


def test_only_environments_that_are_touched_are_told(ours):
    found = review(ours, edited(ours, "10.0.0.0/16", "10.9.0.0/16"))
    names = {part.environment for part in found.parts}
    assert "prod" in names
    assert {"dev", "staging"} <= set(found.untouched)  # they give a range of their own


def test_identical_environments_are_told_once():
    before = sized(dev="db.t3.micro", prod="db.t3.large", test="db.t3.micro")
    after = sized(dev="db.t3.small", prod="db.t3.large", test="db.t3.small")
    (group,) = fold(review(before, after))
    assert group.name == "dev, test"


def test_environments_with_other_changes_are_told_apart():
    def tagged(**tags):
        topic = {"Tags": [{"Key": {"Ref": "Size"}, "Value": "x"}]}
        root = DATABASE | {"Resources": {"Topic": resource("SNS::Topic", topic)}}
        return version(root=root, values={name: {"Size": t} for name, t in tags.items()})

    groups = fold(review(tagged(dev="a", prod="a"), tagged(dev="b", prod="c")))
    assert [group.name for group in groups] == ["dev", "prod"]


def test_many_environments_are_shared_by_two_processes_and_told_as_by_one(monkeypatch):
    names = [f"e{number}" for number in range(reviewing.MANY)]
    before = sized(**dict.fromkeys(names, "db.t3.micro"))
    after = sized(**{name: f"db.t3.{name}" for name in names})
    shared = review(before, after)
    assert [part.environment for part in shared.parts] == sorted(names)

    begun = []
    monkeypatch.setattr(reviewing, "MANY", len(names) + 1)
    monkeypatch.setattr("liberty_cfn.aside.aside", lambda *asked: begun.append(asked))
    assert review(before, after) == shared
    assert begun == []


def test_values_that_differ_between_environments_are_told_for_each():
    before = sized(dev="db.t3.micro", prod="db.t3.large")
    after = sized(dev="db.t3.small", prod="db.t3.xlarge")
    told = text(review(before, after))
    assert "dev: db.t3.micro → db.t3.small; prod: db.t3.large → db.t3.xlarge" in told


def test_a_parameter_s_new_value_in_one_environment_is_followed_into_its_stacks():
    child = {
        "Parameters": {"Size": {"Type": "String"}},
        "Resources": DATABASE["Resources"],
    }
    root = nested(Data={"Size": {"Ref": "Size"}}) | {"Parameters": DATABASE["Parameters"]}
    before, after = (
        version(root=root, data=child, values={"dev": {"Size": size}, "prod": {"Size": "x"}})
        for size in ("db.t3.micro", "db.t3.small")
    )
    (part,) = review(before, after).parts
    assert (part.environment, part.changes[0].name) == ("dev", "Data/Db")


def test_a_stack_set_s_places_are_reviewed_with_their_own_values():
    def places(size):
        targets = {
            "Accounts": ["111111111111"],
            "Regions": ["us-east-1", "eu-west-1"],
            "ParameterOverrides": {"111111111111/eu-west-1": {"Size": size}},
        }
        return version(root=DATABASE, values={"global": {"Size": "x", "Targets": targets}})

    (part,) = review(places("db.t3.micro"), places("db.t3.small")).parts
    assert part.environment == "global 111111111111/eu-west-1"


def test_some_places_of_a_stack_set_are_told_by_name_and_all_by_their_number():
    def places(default, **sizes):
        targets = {
            "Accounts": ["111111111111"],
            "Regions": ["us-east-1", "eu-west-1", "eu-north-1"],
            "ParameterOverrides": {r.replace("_", "-"): {"Size": s} for r, s in sizes.items()},
        }
        return version(root=DATABASE, values={"global": {"Size": default, "Targets": targets}})

    before = places("db.t3.micro")
    (group,) = fold(review(before, places("db.t3.small")))
    assert group.name == "global (3 places)"
    some = review(before, places("db.t3.micro", eu_west_1="db.t3.small"))
    (group,) = fold(some)
    assert group.name == "global 111111111111/eu-west-1"
    assert "global 111111111111/us-east-1, global 111111111111/eu-north-1" in text(some)


def test_an_environment_that_is_touched_in_one_set_is_not_told_as_untouched_for_another():
    def two(size):
        given = {"dev": {"Size": size, "Other": "x"}}
        other = {
            "Parameters": {"Other": {"Type": "String"}},
            "Resources": {"Topic": resource("SNS::Topic")},
        }
        return version(root=DATABASE, other=other, values=given)

    found = review(two("db.t3.micro"), two("db.t3.small"))
    assert [part.environment for part in found.parts] == ["dev"]
    assert found.untouched == ()


def test_our_own_stack_set_has_the_values_that_deploying_gives_it(ours):
    found = values.environments(ours.params)
    for place, settings in environments.load("global").targets.overrides.items():
        given = found[f"global {place}"].given
        assert settings.items() <= given.items()


def test_bootstrap_templates_are_reviewed_once_not_per_environment():
    role, other = (
        DATABASE | {"Resources": {"Role": resource("IAM::Role", {"Path": path})}}
        for path in ("/a/", "/b/")
    )
    given = {"dev": {"Size": "a"}, "prod": {"Size": "b"}}
    before, after = (
        version(root=DATABASE, values=given, **{"bootstrap/role": body})
        for body in (role, other)
    )
    (part,) = review(before, after).parts
    assert (part.set, part.environment) == ("templates/bootstrap/role.yaml", "")


def test_a_new_environment_is_told_as_new_and_grants_nobody_anything(ours):
    params = {k: v for k, v in ours.params.items() if k != "params/staging.yaml"}
    before = sources.Version("before", ours.templates, params)
    (part,) = review(before, ours).parts
    assert (part.environment, part.new) == ("staging", True)
    told = text(review(before, ours))
    assert "AWS::EC2::VPC" in told
    assert "grants" not in told
    assert "is new: watches" not in told
    assert len(told.splitlines()) < 30


def test_an_environment_that_goes_elsewhere_is_made_anew_there_and_stays_here():
    def in_region(region, **more):
        given = json.dumps({"Region": region, "Size": "a", **more})
        return sources.Version(
            "one", version(root=DATABASE).templates, {"params/a.yaml": given}
        )

    told = text(review(in_region("us-east-1"), in_region("eu-west-1")))
    assert "from us-east-1 to eu-west-1: everything is made there, empty" in told
    assert "a: 1 added" in told
    one, other = (in_region("us-east-1", Account=a * 12) for a in "12")
    assert "from 111111111111/us-east-1 to 222222222222/us-east-1" in text(review(one, other))
    assert not review(in_region("us-east-1"), one).parts


def test_a_stack_s_tags_are_everybody_s():
    def tagged(owner):
        given = json.dumps({"Region": "us-east-1", "Size": "a", "Tags": {"Owner": owner}})
        return sources.Version(
            "one", version(root=DATABASE).templates, {"params/a.yaml": given}
        )

    told = text(review(tagged("x"), tagged("y")))
    assert "every resource that takes tags: Owner x → y" in told


def test_values_that_are_gone_take_no_stack_down(ours):
    params = {k: v for k, v in ours.params.items() if k != "params/staging.yaml"}
    found = review(ours, sources.Version("after", ours.templates, params))
    assert found.parts == ()
    assert "staging" in found.notes[0]


def test_environments_side_by_side_differ_in_what_they_have_not_in_names(ours):
    (part,) = between(ours, "local", "prod").parts
    told = {change.id: change for change in part.changes}
    assert "RegistryRepository" not in told
    assert not any(change.replaced for change in part.changes)
    assert not any(finding.kind in (Kind.LOSS, Kind.FAILS) for finding in part.findings)


def test_what_one_environment_has_that_another_hasn_t(ours):
    (part,) = between(ours, "dev", "prod").parts
    found = {change.id: change for change in part.changes}
    assert found["DatabaseDatabase"].properties
    assert not between(ours, "prod", "prod").parts
    with pytest.raises(KeyError):
        between(ours, "prod", "nowhere")


def whole(ours, asked):
    """Return the nested set worked out whole, in some environments, by their names."""
    (flat,) = (flatten(one) for one in sets(asked.templates) if one.root == ROOT)
    given = values.environments(ours.params)
    return {
        name: resolve(flat, given[name].given, region=given[name].region)
        for name in ("prod", "dev", "global 111111111111/eu-west-1")
    }


@pytest.fixture(scope="module")
def ours_whole(ours):
    return whole(ours, ours)


@pytest.mark.parametrize(
    ("old", "new", "file"),
    [
        ("Default: 10.0.0.0/16", "Default: 10.9.0.0/16", "root"),
        ("Default: ''", "Default: -new", "root"),
        ("CidrIp: 0.0.0.0/0", "CidrIp: 10.0.0.0/8", "security"),
        ("s3:DeleteObject", "s3:*", "identity"),
        ("- valkey", "- keydb", "root"),
    ],
)
def test_what_needn_t_be_looked_at_changes_nothing_of_what_is_told(
    ours, ours_whole, old, new, file
):
    """Whole sets, worked out and compared whole, give the same as what a change can touch."""
    other = edited(ours, old, new, file)
    told = {p.environment: p for p in review(ours, other).parts if p.set == ROOT}
    for name, changed in whole(ours, other).items():
        compared = compare(ROOT, name, ours_whole[name], changed)
        assert compared.touched is (name in told)
        if compared.touched:
            assert compared.findings == told[name].findings
            assert compared.changes == told[name].changes


def test_environments_that_differ_in_names_are_told_as_each_is_alone(ours):
    given = {
        "a": ("NameSuffix: -a", "NameSuffix: -renamed"),
        "b": ("NameSuffix: -b", "NameSuffix: -b"),
        "c": (
            "NameSuffix: -c\nNatGatewayPerZone: true",
            "NameSuffix: -c\nNatGatewayPerZone: true",
        ),
        "d": ("NameSuffix: -d\nRegion: eu-west-1", "NameSuffix: -d\nRegion: eu-west-1"),
    }
    new = edited(edited(ours, "10.0.0.0/16", "10.9.0.0/16"), "ecs-sg", "tasks", "security")

    def parts(*names):
        olds, news = (
            Version(
                version.name,
                version.templates,
                {
                    f"params/{name}.yaml": f"DomainName: example.com\n{given[name][number]}\n"
                    for name in names
                },
            )
            for number, version in enumerate((ours, new))
        )
        return [part for part in review(olds, news).parts if part.environment]

    assert parts(*given) == [part for name in given for part in parts(name)]


def test_what_nobody_is_to_see_is_hidden_and_its_change_is_told():
    root = {
        "Parameters": {"Password": {"Type": "String", "NoEcho": True}},
        "Resources": {
            "It": resource("RDS::DBInstance", {"MasterUserPassword": {"Ref": "Password"}})
        },
    }
    before, after = (
        version(root=root, values={"dev": {"Password": word}}) for word in ("tiger", "lion")
    )
    told = text(review(before, after)) + json.dumps(data(review(before, after)))
    assert "(hidden) → (hidden, another)" in told
    assert not any(word in told for word in ("tiger", "lion"))
    assert not review(before, before).parts


def test_another_default_that_nobody_is_to_see_is_told():
    def hidden(value):
        declared = {"Password": {"Type": "String", "NoEcho": True, "Default": value}}
        made = {"It": resource("SSM::Parameter", {"Value": {"Ref": "Password"}})}
        return version(root={"Parameters": declared, "Resources": made})

    told = text(review(hidden("one"), hidden("other")))
    assert "Value: (hidden) → (hidden, another)" in told
    assert not review(hidden("one"), hidden("one")).parts


def test_what_a_macro_makes_is_unknown_never_guessed():
    def looped(*names):
        topics = {"Topic${Name}": resource("SNS::Topic")}
        loop = {"Fn::ForEach::Topics": ["Name", list(names), topics]}
        return version(root={"Resources": {"Topic": resource("SNS::Topic"), **loop}})

    assert "what that makes isn't known" in text(review(looped("A"), looped("A", "B")))
    assert not review(looped("A"), looped("A")).parts


def test_a_root_by_another_name_is_the_same_root():
    one = version(root=DATABASE)
    texts = {"main.json": one.templates[ROOT].replace('"a"', '"b"')}
    (part,) = review(one, sources.Version("two", texts, {})).parts
    assert [change.id for change in part.changes] == ["Db"]


@pytest.fixture(scope="module")
def grave(ours):
    """Return the review of a change with a bit of everything, in every environment."""
    other = edited(ours, "Default: ''", "Default: -new")
    return review(ours, edited(other, "CidrIp: 0.0.0.0/0", "CidrIp: 10.0.0.0/8", "security"))


def test_the_comment_is_found_by_its_marker_and_fits(grave):
    comment = rendered(grave)
    assert comment.startswith(markdown.MARKER)
    assert len(comment) < 65_000
    first = [comment.index(word) for word in ("Loss", "<details>", "Closes")]
    assert first == sorted(first)


def test_a_comment_too_long_is_cut_where_the_harmless_is_and_what_it_opened_is_closed(
    grave, monkeypatch
):
    monkeypatch.setattr("liberty_cfn.markdown.LONGEST", 12_000)
    comment = rendered(grave)
    assert len(comment) <= 12_000
    assert "More than fits here" in comment
    assert comment.count("```") % 2 == 0
    assert comment.count("<details>") == comment.count("</details>")


def test_what_stands_in_a_template_neither_formats_nor_notifies():
    name = "*b* <img src=x> @team ``` | x"
    before, after = (
        version(
            {"It": resource("RDS::DBInstance", {"DBInstanceIdentifier": name, "DBName": n})}
        )
        for n in ("a", name)
    )
    comment = rendered(review(before, after))
    html = MarkdownIt("commonmark").enable("table").render(comment)
    outside = html.partition("<pre>")[0] + html.partition("</pre>")[2]
    assert "&lt;img src=x&gt;" in outside
    assert "<img" not in html
    assert "<em>" not in html
    assert "@team" not in outside
    assert html.count("<pre>") == 1


def test_the_same_review_is_told_in_the_same_words_each_time(ours, grave):
    other = edited(ours, "Default: ''", "Default: -new")
    again = review(ours, edited(other, "CidrIp: 0.0.0.0/0", "CidrIp: 10.0.0.0/8", "security"))
    assert rendered(again) == rendered(grave)
    assert data(again) == data(grave)


def test_a_program_reads_every_environment_with_what_is_found(grave):
    read = json.loads(json.dumps(data(grave)))
    (prod,) = [e for e in read["environments"] if e["environment"] == "prod"]
    database = next(c for c in prod["changes"] if c["resource"] == "Database/Database")
    assert database["replacement"] == "certain"
    assert {"loss", "closes"} <= {finding["kind"] for finding in prod["findings"]}
    assert read["before"]["digest"] != read["after"]["digest"]


def test_the_digest_is_the_one_that_deploying_is_held_to(ours):
    assert review(ours, ours).digests[0] == digest(packaging.read(HERE / "templates"))


def test_no_change_is_said_so(ours):
    assert "No changes." in text(review(ours, ours))
    assert "No changes." in rendered(review(ours, ours))


def test_explaining_says_who_makes_it_who_uses_it_and_what_replacing_it_does(ours):
    (told,) = explain(ours, "Network/Vpc")
    said = "\n".join(explained(told))
    assert "made by liberty_cfn/stacks/network.py" in said
    assert "Security/TasksGroup (VpcId)" in said
    assert "replaces Security/TasksGroup" in said


def test_explaining_says_where_replacing_it_fails_further_on(ours):
    (told,) = explain(ours, "Vpc")
    failing = [line.strip() for line in explained(told) if "fails" in line]
    assert any("TargetGroup is to be replaced under its fixed name" in line for line in failing)
    assert any("NatGatewayA is to be replaced with the same" in line for line in failing)
    (told,) = explain(ours, "CacheCache")
    assert "fails under its fixed name" in "\n".join(explained(told))
    (told,) = explain(ours, "PublicSubnetARoutes")
    assert not told.failing


def test_explaining_says_what_is_reached(ours):
    (told,) = explain(ours, "ServiceService")
    assert "Database/Database, tcp 5432" in told.reaches
    assert "Entrance/LoadBalancer, tcp 8000" in told.reached_by


def test_explaining_what_some_environments_make_takes_one_that_does(ours):
    (told,) = explain(ours, "HostedZone")
    assert told.environment != "prod"
    with pytest.raises(UnknownResourceError, match="not made with the values of prod"):
        explain(ours, "HostedZone", "prod")
    with pytest.raises(UnknownResourceError, match=r"Outbound/NatGatewayB: not made in any"):
        explain(ours, "NatGatewayB")


def test_explaining_what_isn_t_there_says_what_is_close(ours):
    with pytest.raises(UnknownResourceError, match="Did you mean Database"):
        explain(ours, "Databse")
    with pytest.raises(UnknownResourceError, match="no environment 'nowhere'"):
        explain(ours, "Vpc", "nowhere")
    with pytest.raises(UnknownResourceError, match=r"Say ID=\.\.\."):
        explain(ours, "")


@pytest.mark.parametrize("bad", ["[1, 2", "- a\n- b\n"])
def test_values_that_are_no_mapping_are_one_sentence_with_the_file(bad):
    one = version(root=DATABASE)
    broken = sources.Version("broken", one.templates, {"params/dev.yaml": bad})
    with pytest.raises(values.ValuesError, match=r"params/dev\.yaml"):
        review(one, broken)


def test_a_template_that_doesn_t_parse_is_one_sentence_with_file_and_line():
    one = version(root=DATABASE)
    with pytest.raises(ParseError, match=r"templates/root\.yaml:\d+: no YAML"):
        review(one, sources.Version("broken", {ROOT: "Resources:\n  A: [1"}, {}))


ODD = [
    {"A": resource("EC2::VPC", {"Fn::If": ["X", {}, {}]})},
    {"A": resource("EC2::SecurityGroup", {"SecurityGroupIngress": ["x", 1, None]})},
    {"A": resource("ECS::TaskDefinition", {"ContainerDefinitions": {"Ref": "P"}})},
    {"A": resource("RDS::DBInstance", {"AllocatedStorage": {"Ref": "P"}, "MultiAZ": "x"})},
    {
        "A": resource(
            "IAM::Role", {"AssumeRolePolicyDocument": "{bad", "Policies": {"Ref": "P"}}
        )
    },
    {"A": resource("CloudFormation::Stack", {"TemplateURL": "https://x/y.yaml"})},
    {"A": resource("ElasticLoadBalancingV2::Listener", {"DefaultActions": {"Ref": "X"}})},
    {"A": resource("KMS::Key", {"KeyPolicy": {"Statement": ["x", None]}})},
    {"A": resource("S3::Bucket", {"LifecycleConfiguration": {"Rules": [{"Id": 1}, 2]}})},
]


@pytest.mark.parametrize("before", ODD)
def test_templates_of_any_shape_are_told_of_in_words(before):
    for after in ODD:
        found = review(version(before), version(after))
        assert text(found)
        assert json.dumps(data(found))
        assert bool(found.parts) is (before != after)


@pytest.mark.parametrize(
    ("resources", "why"),
    [
        (["x"], "expected resources by their names"),
        ({"A": None}, "A is no resource: expected Type, Properties"),
        ({"A": "x"}, "A is no resource: expected Type, Properties"),
        ({"A": {"Properties": {}}}, "A has no Type, such as AWS::S3::Bucket"),
        ({"A": {"Type": ["x"]}}, "A has no Type, such as AWS::S3::Bucket"),
        ({"A": {"Type": "AWS::SNS::Topic", "Properties": [1]}}, "A: expected properties by"),
    ],
)
def test_what_is_no_resource_is_told_with_its_version_file_and_line(resources, why):
    topic = version({"A": resource("SNS::Topic")}, name="before")
    broken = version(resources, name="here")
    for olds, news in ((topic, broken), (broken, topic)):
        with pytest.raises(ParseError, match=f"^here: templates/root.yaml:1: {why}"):
            review(olds, news)
    macro = version(root={"Transform": "Ours", "Resources": {"A": {"Fn::Transform": {}}}})
    assert review(macro, topic)


def test_what_is_no_yaml_is_told_with_its_version():
    topic = version({"A": resource("SNS::Topic")})
    broken = Version("here", {"root.yaml": "Resources: {A: ["}, {})
    with pytest.raises(ParseError, match=r"^here: root.yaml:2: no YAML or JSON"):
        review(topic, broken)


@pytest.mark.parametrize("name", ["a.yml", "a.json", "a.template", "a/b.yaml"])
def test_the_digest_is_of_every_template_whatever_its_file_ends_in(name):
    one, other = (
        Version("x", {name: json.dumps({"Resources": {"A": resource(kind)}})}, {})
        for kind in ("SNS::Topic", "SQS::Queue")
    )
    before, after = review(one, other).digests
    assert before != after
