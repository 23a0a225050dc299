"""What a skip counts as (skips.py)."""

import json
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest
import skips

ALLOWED = "unit_kafka:StaleStamps.any_of_them"


@pytest.fixture
def in_ci(monkeypatch):
    monkeypatch.setenv("PENSTOCK_CI", "1")


def skipped(nodeid: str) -> SimpleNamespace:
    return SimpleNamespace(nodeid=nodeid, skipped=True, outcome="skipped", longrepr=("file", 1, "Skipped: no such tool"))


def test_a_skip_of_pytest_fails_where_ci_is_set(in_ci):
    report = skipped("integration/test_landing.py::test_x")
    skips.judge(report)
    assert report.outcome == "failed" and "no such tool" in report.longrepr


def test_a_skip_stays_one_elsewhere_or_if_it_is_allowed(monkeypatch):
    monkeypatch.delenv("PENSTOCK_CI", raising=False)
    report = skipped("integration/test_landing.py::test_x")
    skips.judge(report)
    assert report.outcome == "skipped"
    monkeypatch.setenv("PENSTOCK_CI", "1")
    report = skipped(ALLOWED)
    skips.judge(report)
    assert report.outcome == "skipped"


def written(directory: Path, binary: str, **results: str):
    tests = [{"classname": "StaleStamps", "name": name, "result": result} for name, result in results.items()]
    (directory / f"{binary}.json").write_text(json.dumps({"tests": len(tests), "testsuites": [{"testsuite": tests}]}))


def told(directory: Path) -> subprocess.CompletedProcess:
    return subprocess.run([sys.executable, skips.__file__, directory], capture_output=True, text=True)


def test_a_skip_of_a_binary_fails_unless_it_is_allowed(tmp_path, in_ci):
    written(tmp_path, "unit_kafka", one="COMPLETED", two="SKIPPED")
    done = told(tmp_path)
    assert done.returncode == 0 and "test binaries: 1 tests ran, 1 were skipped" in done.stdout
    written(tmp_path, "unit_io", three="SKIPPED")
    done = told(tmp_path)
    assert done.returncode == 1 and "unit_io:StaleStamps.three, which CI does not allow" in done.stdout


def test_binaries_that_have_told_nothing_fail(tmp_path):
    assert told(tmp_path).returncode == 1
