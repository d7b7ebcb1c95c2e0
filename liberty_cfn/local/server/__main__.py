import sys

import ministack.app

from . import (
    change_sets,
    conditions,
    existing,
    guarding,
    kinds,
    leave,
    mending,
    nested,
    provisioning,
    remembering,
    repeating,
    running,
    scaling,
    serving,
    stack_sets,
    storage,
)

for addition in (
    *(conditions, nested, existing, change_sets, guarding, repeating, provisioning),
    *(kinds, scaling, storage, running, leave, stack_sets, mending, remembering, serving),
):
    addition.add()

# What follows the module's name is only there to know the process by.
del sys.argv[1:]
ministack.app.main()
