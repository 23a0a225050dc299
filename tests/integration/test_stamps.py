"""Commits that carry the stamp of the past, against the real broker: refused, in the words of the table."""

import os
import subprocess

import pytest

from harness.paths import penstock_binary

TESTS = {
    "the_former_generation_is_refused",
    "the_former_member_is_refused_after_a_static_takeover",
    "a_member_that_left_is_refused_in_the_empty_group",
}


@pytest.mark.parametrize("name", sorted(TESTS))
def test_a_stale_stamp_is_refused(kafka, name):
    program = penstock_binary().parent / "tests" / "unit_kafka"
    if not program.exists():
        pytest.skip(f"{program} is not built")
    done = subprocess.run(
        [program, f"--gtest_filter=StaleStamps.{name}"], capture_output=True, text=True, errors="replace", timeout=120,
        env={**os.environ, "PENSTOCK_TEST_BROKER": kafka.bootstrap, "PENSTOCK_TEST_TOPIC": kafka.create_topic(2)})
    assert done.returncode == 0 and "[  PASSED  ] 1 test." in done.stdout, done.stdout[-3000:] + done.stderr[-3000:]
