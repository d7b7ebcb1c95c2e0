"""What tests run with, each in a module of its own."""

import gc

import pytest

PLUGINS = (
    *("steady", "rendered", "wire", "local_aws", "command_line", "deployed"),
    *("allowed", "stack_sets"),
)

# There is next to no garbage, and looking for it takes a fifteenth of a run.
gc.disable()


def pytest_configure(config):
    """Load it, but where tests are only handed to other processes."""
    if config.getoption("dist", "no") == "no" or not config.getoption("tx"):
        for name in PLUGINS:
            config.pluginmanager.import_plugin(name)


def pytest_collection_finish():
    """Take what was imported and collected for what stays to the end."""
    gc.freeze()


@pytest.hookimpl(trylast=True)
def pytest_unconfigure():
    """Take what is left for what stays, too: pytest has looked through it by now."""
    gc.freeze()
