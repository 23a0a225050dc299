"""Exactly once, whatever happens: see harness/torture.py. `./dev torture --kills N --zombies M` runs it longer."""

import secrets

from harness.torture import Plan, Torture


def test_whatever_happens_each_record_lands_once(binary, kafka, azurite, tmp_path, request):
    option = request.config.getoption
    plan = Plan(kills=option("--kills"), zombies=option("--zombies"),
                seed=option("--seed") if option("--seed") is not None else secrets.randbelow(1_000_000))
    torture = Torture(kafka, azurite, tmp_path / "torture", plan)
    found = torture.run()
    torture.say()
    print(found)
    again = f"again: ./dev torture {plan}; who did what: {torture.directory}"
    assert not found.faults, "\n".join([str(found), *found.faults[:40], again])
    assert found.lost == found.doubled == 0 and found.lines == torture.book.records, f"{found}; {again}"
