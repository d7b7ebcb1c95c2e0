"""What tests run with, each in a module of its own."""

import gc
import os
import shutil
import subprocess

import pytest

PLUGINS = (
    *("steady", "rendered", "wire", "local_aws", "command_line", "deployed"),
    *("allowed", "stack_sets", "faults"),
)
# The files that take longest. They are begun first, so that in the end no process has much to
# do when the others are done.
LONG = {
    *("test_cli", "test_deploy", "test_failures_change_sets", "test_failures_deploying"),
    *("test_failures_following", "test_failures_protecting", "test_faults", "test_linting"),
    *("test_local_control", "test_mutants", "test_operations", "test_rules"),
    *("test_stack_sets", "test_stack_sets_adopting", "test_stack_sets_beforehand"),
    *("test_stack_sets_operations", "test_stack_sets_whole", "test_verify"),
    *("test_verify_answers", "test_verify_changes"),
}

# What begins so is meant for the commands of whoever runs the tests, for AWS, git and make, or
# for the terminal: not for what is tried here. Nor is a proxy, on the way to the local AWS.
FOREIGN = (
    *("AWS_", "GIT_", "MAKE", "MFLAGS", "COLUMNS", "LINES", "TERM", "FORCE_COLOR", "NO_COLOR"),
    *("CI", "ENV", "ARGS", "YES", "CONFIRM", "APPROVED", "ADOPT", "RESTART", "DRIFT"),
)
for name in [name for name in os.environ if name.startswith(FOREIGN)]:
    del os.environ[name]
os.environ |= {
    "AWS_EC2_METADATA_DISABLED": "true",
    "AWS_CONFIG_FILE": "/none",
    "AWS_SHARED_CREDENTIALS_FILE": "/none",
    "NO_PROXY": "127.0.0.1",
    "no_proxy": "127.0.0.1",
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


def pytest_collection_modifyitems(config, items):
    items.sort(key=lambda item: item.path.stem not in LONG)
    if not shutil.which("git"):
        without = [item for item in items if "git" in item.fixturenames]
        config.hook.pytest_deselected(items=without)
        items[:] = [item for item in items if item not in without]


@pytest.fixture(scope="session")
def git():
    """Ask git; what compares with what it keeps can't be tried on a machine that has none."""
    who = ("-c", "user.name=t", "-c", "user.email=t@example.com", "-c", "gc.auto=0")

    def asked(folder, *arguments):
        command = ["git", *who, "-C", str(folder), *arguments]
        return subprocess.run(command, check=True, capture_output=True, text=True).stdout

    return asked


def pytest_collection_finish():
    """Take what was imported and collected for what stays to the end."""
    gc.freeze()


@pytest.hookimpl(trylast=True)
def pytest_unconfigure():
    """Take what is left for what stays, too: pytest has looked through it by now."""
    gc.freeze()
