"""Small sets of templates for the tests to talk about."""

from textwrap import dedent

from liberty_cfn.model.flattening import flatten
from liberty_cfn.model.loading import from_texts
from liberty_cfn.model.resolving import resolve


def nested(**files):
    """Return the set of these templates, by name without .yaml; `root` is the root."""
    return from_texts({f"{name}.yaml": dedent(text) for name, text in files.items()})


def made(values=None, *, region="", account="", **files):
    """Return what comes of the set of these templates."""
    return resolve(flatten(nested(**files)), values or {}, region=region, account=account)
