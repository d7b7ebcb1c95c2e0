"""docs/rules.md, written from the rules themselves."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from difflib import unified_diff

from liberty_cfn.rules.checking import MODULES, RULES
from liberty_cfn.rules.rule import Example, Rule

HEAD = """\
<!-- Generated from liberty_cfn/rules/ by `make templates`; edit that. -->
# House rules

What AWS refuses, or what hurts later, and linters of one template miss: these {count} rules
look at what comes of a whole set of templates, with the values of each environment and with
every condition the other way, and some. `make lint` asks them beside cfn-lint and AWS's
cloudformation-validate; `.venv/bin/liberty-cfn lint PATH...` does so of any templates, with
their parameters' defaults. `.venv/bin/liberty-cfn rules LC1101` prints what is here about one.

A rule is accepted where it doesn't hold for a reason, in the Metadata of the resource, or of
the template, with that reason; without one, the acceptance itself is an error (LC0001):

```yaml
Metadata:
  liberty-cfn:
    accept:
      LC1101: The name is another team's, who look it up.
```

Under each rule stands an example: what has to change (+) in one that is good for the rule to
find something. The tests prove each of them, and others.
"""
# Longer examples prove a limit, or need much around them, and show little.
LONGEST_EXAMPLE = 24  # lines
LONGEST_LINE = 120


def rules_document() -> str:
    """Return docs/rules.md."""
    return "\n".join([HEAD.format(count=len(RULES)), *_table(), *_details()])


def rules_in_words(rules: Sequence[Rule]) -> str:
    """Return what docs/rules.md says about some rules."""
    return "\n".join(line for rule in rules for line in _detail(rule))


def _table() -> Iterator[str]:
    for module in MODULES:
        title = " ".join((module.__doc__ or "").partition("\n\n")[0].split()).rstrip(".")
        yield f"## {title}\n"
        yield "| Rule | |\n|---|---|"
        yield from (
            f"| [{rule.id}](#{rule.id.lower()}) | {rule.title} |" for rule in module.RULES
        )
        yield ""


def _details() -> Iterator[str]:
    for rule in RULES:
        yield from _detail(rule)


def _detail(rule: Rule) -> Iterator[str]:
    level = "" if rule.level == "error" else f" ({rule.level})"
    yield f"### {rule.id}\n"
    yield f"**{rule.title}**{level}\n"
    yield f"{rule.reason} [Source]({_link(rule.source)})\n"
    shown = [lines for bad in rule.bad if (lines := _found(rule, bad))]
    if shown:
        yield "\n".join(["```diff", *min(shown, key=len), "```\n"])


def _link(source: str) -> str:
    return source if source.startswith("https://") else f"../{source}"


def _found(rule: Rule, bad: Example) -> list[str]:
    """Return what makes an example bad, as a change to a good one; nothing if that is long."""
    told = _lines(bad)
    changes = [
        list(unified_diff(_lines(good), told, n=2, lineterm=""))[2:] for good in rule.good
    ]
    lines = min(changes, key=len, default=told)
    fits = len(lines) <= LONGEST_EXAMPLE and all(len(line) <= LONGEST_LINE for line in lines)
    return [line for line in lines if not line.startswith("@@")] if fits else []


def _lines(example: Example) -> list[str]:
    files = {"": example} if isinstance(example, str) else example
    return [
        line
        for file, text in files.items()
        for line in ([f"# {file}"] if len(files) > 1 else []) + text.splitlines()
        if line.strip()
    ]
