"""For all suites of pytest: what is skipped counts as skips.py says."""

import pytest
import skips


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_makereport(item, call):
    skips.judge((yield).get_result())


@pytest.hookimpl(hookwrapper=True)
def pytest_make_collect_report(collector):
    skips.judge((yield).get_result())
