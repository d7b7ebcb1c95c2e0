"""Where the repository is, and what of it is read and written in more than one place."""

from pathlib import Path

REPOSITORY = Path(__file__).parent.parent
TEMPLATES = REPOSITORY / "templates"
PARAMS = REPOSITORY / "params"
