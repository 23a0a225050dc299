"""Exactly once, whatever happens: see harness/torture.py. `./dev torture --kills N --zombies M` runs it longer."""

import re
import subprocess

from harness.paths import ROOT
from harness.torture import Plan, Torture

# So many waits for a commit of which none met one: it is no busy machine any more, but a wait for what never comes.
WAITS_TO_MEET_ONE = 8
DOUBLE = re.compile(r"partition \d+: \d+ to \d+ are in \S+ and in \S+")


def seed_of_the_commit() -> int:
    """The same for a run and its repetition, another one for the next change."""
    told = subprocess.run(["git", "rev-parse", "HEAD"], cwd=ROOT, capture_output=True, text=True)
    return int(told.stdout[:8], 16) % 1_000_000 if told.returncode == 0 else 1


def plan_of(option) -> Plan:
    seed = option("--seed")
    return Plan(seed_of_the_commit() if seed is None else seed, option("--kills"), option("--zombies"), option("--members"),
                option("--guarantee"))


def test_whatever_happens_each_record_lands_once(binary, kafka, azurite, tmp_path, request):
    plan = plan_of(request.config.getoption)
    torture = Torture(kafka, azurite, tmp_path / "torture", plan)
    found = torture.run()
    torture.say()
    print(found)
    again = f"again: ./dev torture {plan}; who did what: {torture.directory}"
    assert torture.done == {what: count for what, count in plan.events.items() if count}, again
    waits = sum(count for what, count in plan.events.items() if what in torture.commits_met)
    assert waits < WAITS_TO_MEET_ONE or any(torture.commits_met.values()), f"none of {waits} waits met a commit; {again}"
    code, verified = torture.verify()
    if plan.guarantee == "exactly_once":
        assert not found.faults, "\n".join([str(found), *found.faults[:40], again])
        assert found.lost == found.doubled == 0 and found.lines == torture.book.records, f"{found}; {again}"
        faults = [finding for finding in verified["findings"] if finding["fault"]]
        assert (code, faults, verified["records"]) == (0, [], found.lines), f"{faults}; {again}"
    else:  # the same without claims: nothing is lost, and the book and verify both find the doubles
        others = [fault for fault in found.faults if not DOUBLE.match(fault)]
        assert not others and found.lost == 0, "\n".join([str(found), *others[:40], again])
        assert found.doubled > 0, f"a torture that doubles nothing tells nothing; {again}"
        assert {finding["kind"] for finding in verified["findings"]} == {"overlap"}, f"{verified['findings']}; {again}"
        assert (code, verified["records"]) == (0, found.lines), f"overlaps are what was promised; {again}"
