"""The names of ministack's that the others build on; it promises none of them."""

import importlib

NAMES = {
    "ministack.app": (
        "SERVICE_HANDLERS",
        "SERVICE_REGISTRY",
        "_MAIN_LOOP",
        "_handle_admin_config_request",
        "_loaded_modules",
        "_state_map",
        "main",
    ),
    "ministack.core.responses": ("AccountRegionScopedDict", "get_account_id", "get_region"),
    "ministack.core.router": ("SERVICE_PATTERNS",),
    "ministack.services.cloudformation": ("_ACTION_HANDLERS", "_stack_events", "_stacks"),
    "ministack.services.cloudformation.handlers": ("_describe_stacks", "_resolve_stack"),
    "ministack.services.cloudformation.helpers": ("urlparse",),
    "ministack.services.cloudformation.provisioners": (
        "_REPLACING_PROPERTIES",
        "_RESOURCE_HANDLERS",
        "_STACK_TAG_PROPERTY",
        "_S3_BUCKET_CONFIGURATIONS",
        "_delete_resource",
        "_provision_resource",
        "_update_resource",
    ),
    "ministack.services.cloudformation.stacks": (
        "_add_event",
        "_delete_resource",
        "_failed_operation",
        "_provision_resource",
        "_roll_back_operation",
        "_runs_on_worker_thread",
        "_update_resource",
    ),
    "ministack.services.ec2": (
        "_ACTION_MAP",
        "_addresses",
        "_flow_logs",
        "_nat_gateways",
        "_security_groups",
        "_subnets",
        "_tags",
    ),
}


def missing() -> list[str]:
    return [
        f"{module}.{name}"
        for module, names in NAMES.items()
        for name in names
        if not hasattr(importlib.import_module(module), name)
    ]
