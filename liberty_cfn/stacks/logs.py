"""Where the application's output is kept."""

from troposphere import Ref, Template
from troposphere.logs import LogGroup

from liberty_cfn.names import named
from liberty_cfn.nesting import outputs
from liberty_cfn.values import LogGroupName, Number, Suffix


@outputs
class Logs:
    application_log_group: LogGroupName


def logs(t: Template, *, suffix: Suffix, log_retention_days: Number) -> Logs:
    """The application's log group."""
    application = t.add_resource(
        LogGroup(
            "ApplicationLogs",
            LogGroupName=named("/ecs/liberty-social-backend", suffix),
            RetentionInDays=log_retention_days,
            # What people did, and what went wrong, outlives the stack.
            DeletionPolicy="Retain",
            UpdateReplacePolicy="Retain",
        )
    )
    return Logs(application_log_group=LogGroupName(Ref(application)))
