"""What CloudFormation makes before what."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

from liberty_cfn.review.spelling import listed
from liberty_cfn.rules.rule import Design, referred


def waits(design: Design, one: str, other: str) -> bool:
    """Whether CloudFormation makes `one` after `other`."""
    seen, todo = set(), [one]
    while todo:
        title = todo.pop()
        if title == other:
            return True
        if title not in seen:
            seen.add(title)
            body = design.flat.template["Resources"].get(title, {})
            todo += needs(body)
    return False


def needs(value: Any) -> Iterator[str]:
    """Yield what a resource's body refers to, or depends on."""
    if name := referred(value):
        yield name
        return
    if isinstance(value, dict):
        # Containers have a DependsOn, too, of other containers.
        yield from (d for d in listed(value.get("DependsOn")) if isinstance(d, str))
        for key, item in value.items():
            if key == "Fn::Sub":
                template = item[0] if isinstance(item, list) else item
                for name in re.findall(r"\$\{([A-Za-z0-9]+)[.}]", str(template)):
                    yield name
            yield from needs(item)
    elif isinstance(value, list):
        for item in value:
            yield from needs(item)
