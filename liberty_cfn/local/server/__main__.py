import sys

import ministack.app

from . import private

if moved := private.missing():
    sys.exit(
        f"this ministack lacks {', '.join(moved)}; "
        "liberty_cfn/local/server builds on the version in requirements-local.txt"
    )

from . import (
    caches,
    change_sets,
    conditions,
    ec2,
    existing,
    guarding,
    iam,
    leave,
    mending,
    nested,
    provisioning,
    refusing,
    remembering,
    repeating,
    rules,
    running,
    scaling,
    serving,
    stack_sets,
    storage,
)

for addition in (
    *(conditions, nested, existing, change_sets, guarding, repeating, provisioning),
    *(ec2, iam, scaling, storage, running),
    *(leave, stack_sets),
    *(mending, caches, refusing, rules, remembering, serving),
):
    addition.add()

# What follows the module's name is only there to know the process by.
del sys.argv[1:]
ministack.app.main()
