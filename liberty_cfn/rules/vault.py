"""Which secret is meant where one is referred to, and what is in it."""

from __future__ import annotations

import json
from typing import Any

from liberty_cfn.model.resolving import Resource
from liberty_cfn.rules.rule import Design, look, text
from liberty_cfn.rules.statements import parsed

TYPE = "AWS::SecretsManager::Secret"
# The attributes that are a secret's ARN; Ref is it, too.
ARN = ("Id", "Arn")


def meant(design: Design, value: Any) -> Resource | None:
    """Return the secret whose ARN a value is; None for anything else."""
    made = design.follow(value)
    attribute = look(value, "Fn::GetAtt", 1)
    whole = attribute is None or attribute in ARN
    return made if made is not None and made.type == TYPE and whole else None


def named(design: Design, name: str) -> Resource | None:
    """Return the secret of a name."""
    for secret in design.of_type(TYPE):
        if text(secret.properties.get("Name")) == name:
            return secret
    return None


def has_value(secret: Resource) -> bool:
    """Whether a secret is made with a value; AWS can't tell one that has none."""
    properties = secret.properties
    return "SecretString" in properties or "GenerateSecretString" in properties


def keys(secret: Resource) -> set[str] | None:
    """Return the keys of a secret that is a JSON object; None for one that is plain text."""
    generated = secret.properties.get("GenerateSecretString")
    if isinstance(generated, dict):
        key = text(generated.get("GenerateStringKey"))
        template = parsed(generated.get("SecretStringTemplate", ""))
        return {*template, key} if isinstance(template, dict) and key else None
    found = parsed(secret.properties.get("SecretString", json.dumps("")))
    return set(found) if isinstance(found, dict) else None
