"""The same examples everywhere: a test that failed once fails again."""

from hypothesis import Phase, given, settings, strategies
from hypothesis.internal.conjecture import providers

# However slow the machine is.
settings.register_profile("steady", deadline=None, derandomize=True, database=None)
settings.load_profile("steady")
# And whichever modules a process has loaded, whose literals would be among the examples;
# looking for those takes a second of each process.
providers.is_local_module_file = lambda file: False


@settings(phases=[Phase.generate], max_examples=1)
@given(strategies.none())
def first(_):
    """Its first use, when it looks through all objects that there are: while they are few."""


first()
