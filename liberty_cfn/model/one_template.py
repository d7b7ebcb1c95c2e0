"""The whole design as one template, for stack sets that can't hold nested stacks.

https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/stacksets-orgs-enable-trusted-access.html
"""

from __future__ import annotations

from collections.abc import Mapping

from liberty_cfn.model.flattening import flatten
from liberty_cfn.model.loading import from_texts
from liberty_cfn.rendering import as_yaml

HEADING = "# One template of root.yaml and those nested in it, by `python generate.py --flat`."


def one_template(templates: Mapping[str, str]) -> str:
    """Return the YAML of one template that makes what `templates`, by file name, make."""
    files = {name: text for name, text in templates.items() if name.endswith(".yaml")}
    return f"{HEADING}\n{as_yaml(flatten(from_texts(files)).template)}"
