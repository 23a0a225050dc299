"""Containers are replaced while records come: none is lost, none comes twice, and nobody waits for 30 s."""

import time

import pytest

from harness.landings import Landings
from harness.load import Load

PARTITIONS, PER_SECOND = 4, 400
PATIENCE_S = 30  # of nothing in one partition: as long as the session of a member that is gone without a word


class Replaced:
    """Under load from the first container to the last."""

    def __init__(self, here, changes: dict):
        self.here, self.changes = here, changes
        self.landings = Landings(here.azurite, here.lake, PARTITIONS)
        self.load = Load(here.book, PARTITIONS, PER_SECOND)
        self.stage = here.volume()
        self.began = time.monotonic()
        self.now = self.fresh(self.stage).start()

    def __enter__(self):
        self.landings.start()
        self.load.start()
        self.landings.wait_all_after(self.began)
        return self

    def fresh(self, stage: str | None = None):
        return self.here.contained(self.changes, stage)

    def wait(self, what: str, gone: float, seen: float, patience_s: float):
        """Until each partition goes on. `gone`: when the old one was. `seen`: since when all that it landed is known."""
        self.landings.wait_all_after(seen, patience_s)
        print(f"{what}: each partition goes on after {time.monotonic() - gone:.1f} s")

    def succeed(self, stage: str | None) -> tuple[float, float]:
        """What ran is gone, and another one is started; with a new stage if there is none."""
        gone = time.monotonic()
        self.landings.catch_up()
        seen = time.monotonic()
        self.stage = stage or self.here.volume()
        self.now = self.fresh(self.stage)
        self.now.service.start()
        return gone, seen

    def __exit__(self, failed, *_):
        self.load.end()
        if not failed:
            self.here.wait_landed()
        self.landings.end()


# Each takes what runs, and leaves another running. Returned: see Replaced.wait.

def the_next_finds_the_stage(run: Replaced) -> tuple[float, float]:
    assert run.now.stop() == 0, run.now.output[-3000:]
    return run.succeed(run.stage)


def the_next_has_another_stage(run: Replaced) -> tuple[float, float]:
    assert run.now.stop() == 0, run.now.output[-3000:]
    return run.succeed(None)


def the_next_is_there_before(run: Replaced) -> tuple[float, float]:
    run.stage = run.here.volume()
    successor = run.fresh(run.stage).start()
    assert run.now.stop() == 0, run.now.output[-3000:]
    gone = time.monotonic()
    run.now = successor
    run.landings.catch_up()
    return gone, time.monotonic()


def end_of(run: Replaced, replacements: int):
    assert run.now.stop() == 0, run.now.output[-3000:]
    counted = run.here.tally()
    longest = run.landings.longest_pause(run.began)
    print(f"{replacements} replacements under {PER_SECOND} records a second: {counted};\n"
          f"  the longest pause of a partition {longest:.1f} s")
    assert not counted.faults and counted.lines == run.here.book.records > 0, counted.faults
    return longest


@pytest.mark.timeout(600)
def test_a_stopped_container_is_replaced_under_load(intake):
    """With the session timeout of production: a member that did not leave would hold its partitions for 30 s. Each container
    has a host name of its own."""
    ways = [the_next_finds_the_stage, the_next_has_another_stage, the_next_is_there_before] * 2
    session = {"source": {"librdkafka": {"session.timeout.ms": 30000, "heartbeat.interval.ms": 3000}}}
    with Replaced(intake(PARTITIONS), session) as run:
        for way in ways:
            gone, seen = way(run)
            run.wait(way.__name__.replace("_", " "), gone, seen, PATIENCE_S)
    assert end_of(run, len(ways)) < PATIENCE_S


@pytest.mark.timeout(600)
def test_a_killed_container_is_replaced_under_load(intake):
    """It has told nobody. Its successor finds what it had staged, or nothing."""
    with Replaced(intake(PARTITIONS), {}) as run:
        for keeps in (True, False, True):
            run.now.kill()
            gone, seen = run.succeed(run.stage if keeps else None)
            run.wait(f"killed, {'the same' if keeps else 'another'} stage", gone, seen, 60)
    end_of(run, 3)
