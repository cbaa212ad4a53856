"""How many examples a property test draws, and from where.

A commit's tests give the same verdict each time they run: examples are drawn from the
test's own name, not from chance. ``AGGREGATOR_TEST_EXAMPLES=50 pytest …`` draws fifty
times as many, other ones at each run: what to do after a change of what they test.
"""

import os

from hypothesis import settings

TIMES = int(os.environ.get("AGGREGATOR_TEST_EXAMPLES", "1"))

settings.register_profile(
    # A machine that is busy with other things fails no test.
    "any-machine",
    deadline=None,
    derandomize=TIMES == 1,
    max_examples=100 * TIMES,
)
settings.load_profile("any-machine")


def examples(count, **others):
    """``settings`` of a test for which the usual hundred are too few or too slow."""
    return settings(max_examples=count * TIMES, **others)
