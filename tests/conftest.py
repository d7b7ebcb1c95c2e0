"""What tests run with, each in a module of its own."""

import gc

import pytest

PLUGINS = (
    *("steady", "rendered", "wire", "local_aws", "command_line", "deployed"),
    *("allowed", "stack_sets"),
)
# The files that take longest. They are begun first, so that in the end no process has much to
# do when the others are done.
LONG = {
    *("test_cli", "test_deploy", "test_failures", "test_failures_deploying", "test_linting"),
    *("test_local_control", "test_mutants", "test_operations", "test_rules", "test_stack_sets"),
    *("test_stack_sets_adopting", "test_stack_sets_whole", "test_verify"),
}

# There is next to no garbage, and looking for it takes a fifteenth of a run.
gc.disable()


def pytest_configure(config):
    """Load it, but where tests are only handed to other processes."""
    if config.getoption("dist", "no") == "no" or not config.getoption("tx"):
        for name in PLUGINS:
            config.pluginmanager.import_plugin(name)


@pytest.hookimpl(wrapper=True)
def pytest_xdist_auto_num_workers():
    """Have one process more than there are processors: they wait for the local AWS, too."""
    return (yield) + 1


def pytest_collection_modifyitems(items):
    items.sort(key=lambda item: item.path.stem not in LONG)


def pytest_collection_finish():
    """Take what was imported and collected for what stays to the end."""
    gc.freeze()


@pytest.hookimpl(trylast=True)
def pytest_unconfigure():
    """Take what is left for what stays, too: pytest has looked through it by now."""
    gc.freeze()
