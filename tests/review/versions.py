"""Small versions of sets of templates to compare."""

import json

from liberty_cfn.review.reviewing import review
from liberty_cfn.review.sources import Version

ROOT = "templates/root.yaml"


def version(resources=None, *, values=None, name="one", **templates):
    """Return a version: the root's resources (or whole templates by name), and params/.

    `values` has what each environment gives, by its name.
    """
    bodies = {"root": {"Resources": resources}} if resources is not None else {}
    bodies |= templates
    texts = {f"templates/{file}.yaml": json.dumps(body) for file, body in bodies.items()}
    params = {
        f"params/{environment}.yaml": json.dumps({"Region": "us-east-1", **given})
        for environment, given in (values or {}).items()
    }
    return Version(name, texts, params)


def resource(kind, properties=None, **attributes):
    """Return a resource: its type without AWS::, properties, and other attributes."""
    return {"Type": f"AWS::{kind}", "Properties": properties or {}, **attributes}


def part(before, after):
    """Return the one part of a review of two versions, or of two sets of resources."""
    olds, news = (one if isinstance(one, Version) else version(one) for one in (before, after))
    (found,) = review(olds, news).parts
    return found


def nothing(before, after):
    return not review(version(before), version(after)).parts


def told(before, after, kind=None):
    """Return what is found between two versions, of a kind or of all."""
    return [f.text for f in part(before, after).findings if kind in (None, f.kind)]


def changed(before, after):
    """Return the changes by flat id."""
    return {change.id: change for change in part(before, after).changes}


def paths(change):
    return {found.name: found for found in change.properties}


def nested(**children):
    """Return a root that nests templates of these names, with the parameters they get."""
    return {
        "Resources": {
            title: resource(
                "CloudFormation::Stack",
                {"TemplateURL": f"{title.lower()}.yaml", "Parameters": given},
            )
            for title, given in children.items()
        }
    }
