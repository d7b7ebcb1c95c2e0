"""`python -m liberty_cfn`, the same as `liberty-cfn`."""

from liberty_cfn.cli import run

if __name__ == "__main__":
    run()
