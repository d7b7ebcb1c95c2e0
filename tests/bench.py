"""How long things take: `make bench`, or `make bench ARGS=--all` with the slow ones.

`make bench ARGS=--kills` kills deploys instead (kills.py), `make bench ARGS=--stack-sets`
measures sets of many targets. `make bench ARGS=--broken` breaks the templates in ways that
people thought of (broken.py), and `--mutants` in many places, blindly (mutants.py), to see
which checker finds it.

Each command is run as a whole process, as its user runs it: once to warm up, then five
times (the slow ones once, cold). Shown is the median, and the least and the most of the
runs: on a machine that does other things too, one run says little.
"""

from __future__ import annotations

import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path

from rich.console import Console
from rich.table import Table

REPOSITORY = Path(__file__).parent.parent
PYTHON = sys.executable
LIBERTY = (PYTHON, "-m", "liberty_cfn")
RUNS = 5
# What else there is to measure, by module. Imported when asked for: the memory of a process is
# at least that of the one that started it.
OTHERS = {
    "--broken": "broken",
    "--kills": "kills",
    "--mutants": "mutants",
    "--stack-sets": "bench_stack_sets",
}
# So many mutants; with --mutants more of them.
FEWER = 60


@dataclass(frozen=True)
class Measured:
    """Wall seconds of each run, and the most memory of any process of one, in MiB."""

    seconds: list[float]
    memory: float


def run(command: tuple[str, ...], folder: Path) -> tuple[float, float]:
    """Run a command; return its wall seconds and its peak memory in MiB."""
    # What the `make bench` around us was told is not for the commands it measures.
    kept = {k: v for k, v in os.environ.items() if not k.startswith(("MAKE", "MFLAGS", "ARGS"))}
    started = time.perf_counter()
    child = subprocess.Popen(
        command, cwd=folder, env=kept, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    _, status, usage = os.wait4(child.pid, 0)
    took = time.perf_counter() - started
    if status:
        raise SystemExit(f"{' '.join(command)} failed; run it to see why")
    return took, usage.ru_maxrss / 1024


def measure(*command: str, runs: int = RUNS, folder: Path = REPOSITORY) -> Measured:
    if runs > 1:
        run(command, folder)
    figures = [run(command, folder) for _ in range(runs)]
    return Measured([took for took, _ in figures], max(memory for _, memory in figures))


def fresh_clone(*command: str) -> Measured:
    """Measure a command in a clone of this repository that has nothing installed yet."""
    with tempfile.TemporaryDirectory() as folder:
        clone = Path(folder) / "clone"
        subprocess.run(("git", "clone", "--quiet", REPOSITORY, clone), check=True)
        try:
            return measure(*command, runs=1, folder=clone)
        finally:
            if (clone / ".venv").exists():
                run(("make", "clean"), clone)


def reviews() -> dict[str, Measured]:
    """Measure reviews of a new address range: of all environments there are, and of 100."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        for version in ("old", "new"):
            shutil.copytree(REPOSITORY / "templates", folder / version / "templates")
            shutil.copytree(REPOSITORY / "params", folder / version / "params")
        root = folder / "new" / "templates" / "root.yaml"
        root.write_text(root.read_text().replace("10.0.0.0/16", "10.9.0.0/16"))
        diff = (*LIBERTY, "diff", str(folder / "old"), str(folder / "new"))
        ours = measure(*diff)
        given = (REPOSITORY / "params" / "prod.yaml").read_text()
        for number in range(100):
            for version in ("old", "new"):
                file = folder / version / "params" / f"e{number}.yaml"
                file.write_text(f"{given}\nNameSuffix: -e{number}\n")
        return {"liberty-cfn diff": ours, "liberty-cfn diff, 100 more": measure(*diff)}


def main(arguments: list[str]) -> None:
    if len(arguments) == 1 and arguments[0] in OTHERS:
        import_module(OTHERS[arguments[0]]).main()
        return
    if arguments not in ([], ["--all"]):
        sys.exit(f"make bench ARGS=..., one of: --all, {', '.join(OTHERS)}")
    console = Console()
    figures = {
        "generate.py, no changes": measure(PYTHON, "generate.py"),
        # Generates everything, every time.
        "generate.py --digest": measure(PYTHON, "generate.py", "--digest"),
        "liberty-cfn --help": measure(*LIBERTY, "--help"),
        "make lint": measure(*LIBERTY, "lint"),
        **reviews(),
        "make deploy ENV=local, no changes": measure(*LIBERTY, "deploy", "local"),
        "make verify ENV=local": measure(*LIBERTY, "verify", "local"),
    }
    if arguments == ["--all"]:
        figures["make test"] = measure("make", "test", runs=1)
        figures["make deploy ENV=local, fresh clone"] = fresh_clone(
            "make", "deploy", "ENV=local"
        )
    table = Table("Command", "Median (s)", "Least", "Most", "Memory (MiB)", box=None)
    for name, measured in figures.items():
        numbers = [
            statistics.median(measured.seconds),
            min(measured.seconds),
            max(measured.seconds),
        ]
        table.add_row(name, *(f"{n:.2f}" for n in numbers), f"{measured.memory:.0f}")
    console.print(table)
    more = import_module("figures")
    for line in (*more.counted(), *more.longest()):
        console.print(line, soft_wrap=True, highlight=False)
    templates = list((REPOSITORY / "templates").glob("*.yaml"))
    resources = sum(file.read_text().count("\n    Type: AWS::") for file in templates)
    console.print(
        f"{resources} resources in {len(templates)} templates; {os.cpu_count()} cores"
    )
    import_module("mutants").main(FEWER)


if __name__ == "__main__":
    if not shutil.which("git"):
        sys.exit("make bench needs git, for the fresh clone")
    main(sys.argv[1:])
