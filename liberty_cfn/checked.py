"""What was found good before, and needn't be looked at again until anything about it changes.

Generating and linting what was reviewed takes longer than a deploy that changes nothing.
"""

from __future__ import annotations

import hashlib
from importlib.metadata import version
from pathlib import Path

REPOSITORY = Path(__file__).parent.parent
TEMPLATES = REPOSITORY / "templates"
CHECKED = REPOSITORY / ".local" / "checked"
TOOLS = ("awacs", "cfn-lint", "cloudformation-validate", "pyyaml", "troposphere")


def is_known() -> bool:
    """Whether the very same files were found good before."""
    return CHECKED.exists() and CHECKED.read_text(encoding="utf-8") == digest()


def remember() -> None:
    """Take note that these files are good."""
    CHECKED.parent.mkdir(exist_ok=True)
    CHECKED.write_text(digest(), encoding="utf-8")


def digest() -> str:
    """Return a digest of everything that generating and linting depend on."""
    files = [file for file in (REPOSITORY / "templates").rglob("*") if file.is_file()]
    files += (REPOSITORY / "params").glob("*.yaml")
    files += (REPOSITORY / "liberty_cfn").rglob("*.py")
    files += [REPOSITORY / ".cfnlintrc.yaml", REPOSITORY / "docs" / "settings.md"]
    whole = hashlib.sha256(" ".join(map(version, TOOLS)).encode())
    for file in sorted(files):
        content = file.read_bytes()
        whole.update(f"\n{file} {len(content)}\n".encode() + content)
    return whole.hexdigest()
