"""No secret that stands in a property is told where changes are."""

import pytest

from liberty_cfn.deploy import changes
from liberty_cfn.veiling import veiled_text

SECRET = "/Properties/SecretString"


@pytest.mark.parametrize(
    ("path", "text", "told"),
    [
        (SECRET, "open sesame", "(hidden)"),
        (SECRET, "12345", "(hidden)"),
        ("SecretString", "open sesame", "(hidden)"),
        ("/Properties/LoginProfile/Password", "open sesame", "(hidden)"),
        ("LoginProfile", '{"Password": "open sesame"}', '{"Password": "(hidden)"}'),
        ("/Properties/MasterUserPassword", "{{resolve:secretsmanager:x}}", None),
        ("/Properties/Description", "open sesame", None),
        ("/Properties/Tags", '[{"Key":"a"}]', None),
    ],
)
def test_a_secret_is_hidden_and_nothing_else(path, text, told):
    assert veiled_text(path, text) == (told or text)


@pytest.mark.parametrize(
    ("after", "told"), [("other", "(hidden, another)"), (changes.UNKNOWN, changes.UNKNOWN)]
)
def test_plans_tell_that_a_secret_changes_and_not_what_it_is(after, told):
    target = {"Attribute": "Properties", "Name": "SecretString", "Path": SECRET}
    details = [{"Target": {**target, "BeforeValue": "open sesame", "AfterValue": after}}]
    one = {"LogicalResourceId": "Key", "ResourceType": "AWS::SecretsManager::Secret"}
    [changed] = changes.read({**one, "Action": "Modify", "Details": details}, ()).properties
    assert (changed.before, changed.after) == ("(hidden)", told)
