import sys

import ministack.app

from . import private

if moved := private.missing():
    sys.exit(
        f"this ministack lacks {', '.join(moved)}; "
        "liberty_cfn/local/server builds on the version in requirements-local.txt"
    )

from . import ec2, iam, nested, provisioning, scaling  # noqa: E402

for addition in (ec2, iam, nested, provisioning, scaling):
    addition.add()

# What follows the module's name is only there to know the process by.
del sys.argv[1:]
ministack.app.main()
