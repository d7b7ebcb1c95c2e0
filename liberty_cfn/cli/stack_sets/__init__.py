"""The commands, where an environment is a stack set; and those that only a set has."""

from liberty_cfn.cli.stack_sets.operations import bootstrap_command, retry_command

commands = (retry_command, bootstrap_command)
