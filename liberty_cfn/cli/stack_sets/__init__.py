"""The commands for environments that are stack sets, and those that only sets have."""

from liberty_cfn.cli.stack_sets.operations import bootstrap_command, retry_command

commands = (retry_command, bootstrap_command)
