"""What is generated is the same, byte by byte, wherever and by whichever Python it is made."""

import hashlib
import json
import os
import shutil
import subprocess
import sys
import sysconfig

from liberty_cfn.generation import generate
from liberty_cfn.repository import REPOSITORY

# What no file may depend on: sets' order, language, time zone, folder, region, width.
AWAY = {
    "PYTHONHASHSEED": "4711",
    "LC_ALL": "C",
    "LANG": "tr_TR.UTF-8",
    "PYTHONUTF8": "0",
    "TZ": "Pacific/Chatham",
    "AWS_DEFAULT_REGION": "eu-west-1",
    "COLUMNS": "20",
    "PYTHONDONTWRITEBYTECODE": "1",
}
# What is written as YAML, in order. The library that writes it is compiled, for this virtual
# environment's Python alone.
WRITTEN = """
import hashlib, json
from liberty_cfn.root import build
root = build()
made = {"root": root.template, **root.children}
files = {name: json.dumps(template.to_dict()) for name, template in made.items()}
"""
MADE = """
import hashlib
from liberty_cfn.generation import generate
files = generate()
"""
PROVED = """
from liberty_cfn.proofs.document import security_document
from liberty_cfn.proofs.proving import designs, ours
files |= {"docs/security.md": security_document(designs(ours()))}
"""
TOLD = """
for name, text in files.items():
    print(name, hashlib.sha256(text.encode()).hexdigest())
"""


def _made(python, program, folder):
    paths = os.pathsep.join([str(REPOSITORY), sysconfig.get_path("purelib")])
    run = subprocess.run(
        [python, "-c", program],
        cwd=folder,
        env={**os.environ, **AWAY, "PYTHONPATH": paths},
        capture_output=True,
        text=True,
        check=False,
    )
    assert (run.returncode, run.stderr) == (0, ""), python
    assert list(folder.iterdir()) == []
    return dict(line.split() for line in run.stdout.splitlines())


def _committed(names):
    return {
        name: hashlib.sha256((REPOSITORY / name).read_bytes()).hexdigest() for name in names
    }


def test_any_place_language_and_order_of_sets_makes_the_committed_bytes(tmp_path):
    names = [*generate(), "docs/security.md"]
    assert _made(sys.executable, MADE + PROVED + TOLD, tmp_path) == _committed(names)


def test_every_supported_python_that_is_here_writes_the_same(built, tmp_path):
    made = {"root": built.template, **built.children}
    here = {name: json.dumps(template.to_dict()) for name, template in made.items()}
    assert {"root", "network", "service"} <= here.keys()
    digests = {name: hashlib.sha256(text.encode()).hexdigest() for name, text in here.items()}
    for python in _other_pythons():
        assert _made(python, WRITTEN + TOLD, tmp_path) == digests, python


def _other_pythons():
    """Return one of each other supported version on the path that works."""
    here = f"{sys.version_info.major}.{sys.version_info.minor}"
    others = [f"python{version}" for version in ("3.11", "3.12", "3.13") if version != here]
    return [program for program in map(shutil.which, others) if program and _works(program)]


def _works(program):
    tried = subprocess.run([program, "-c", ""], capture_output=True, check=False)
    return tried.returncode == 0
