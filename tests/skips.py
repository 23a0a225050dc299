"""What a run has skipped. With PENSTOCK_CI set, a skip that skips_allowed.txt does not name is a failure.

As a program, after ctest: `skips.py DIRECTORY` reads what the test binaries wrote there (GTEST_OUTPUT), and prints how many
of their tests ran and which were skipped.
"""

import json
import os
import sys
from fnmatch import fnmatchcase
from pathlib import Path

ALLOWED = Path(__file__).with_name("skips_allowed.txt")


def in_ci() -> bool:
    return os.environ.get("PENSTOCK_CI", "") not in ("", "0")


def allowed() -> list[str]:
    """Patterns of names: `binary:Suite.test` of a test binary, the node id of pytest."""
    lines = (line.partition("#")[0].strip() for line in ALLOWED.read_text().splitlines())
    return [line.replace("[", "[[]") for line in lines if line]


def is_allowed(name: str) -> bool:
    return any(fnmatchcase(name, pattern) for pattern in allowed())


def judge(report):
    """A report of pytest's: a skip that is not allowed becomes a failure, with its reason."""
    if report.skipped and in_ci() and not is_allowed(report.nodeid):
        report.outcome = "failed"
        report.longrepr = f"skipped, where PENSTOCK_CI is set: {report.longrepr[2]}"


def of_binaries(directory: Path) -> tuple[int, list[str]]:
    """How many tests were asked for, and which of them were skipped."""
    count, skipped = 0, []
    for page in sorted(directory.glob("*.json")):
        told = json.loads(page.read_text())
        count += told["tests"]
        skipped += [f"{page.stem}:{test['classname']}.{test['name']}" for suite in told["testsuites"]
                    for test in suite["testsuite"] if test["result"] == "SKIPPED"]
    return count, skipped


def main(directory: Path) -> int:
    count, skipped = of_binaries(directory)
    refused = [name for name in skipped if not is_allowed(name)] if in_ci() else []
    for name in skipped:
        print(f"skipped: {name}{', which CI does not allow' if name in refused else ''}")
    print(f"test binaries: {count - len(skipped)} tests ran, {len(skipped)} were skipped")
    if count == 0:
        print(f"no test binary has told anything in {directory}", file=sys.stderr)
    if refused:
        print(f"{len(refused)} of them have to run where PENSTOCK_CI is set; tests/{ALLOWED.name} is the list of those that need "
              "not", file=sys.stderr)
    return 1 if refused or count == 0 else 0


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1])))
