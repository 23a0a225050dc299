"""A broker that is held to what Event Hubs shows (harness/event_hubs.py): versions, one address, large generations, a pace
of commits, idle connections, throttled fetches, the connection string as the login."""

import re
import time

import pytest

from harness.event_hubs import FETCH, NEWER_FETCH, OFFSET_COMMIT, VERSIONS, EventHubs
from harness.lake import assert_exactly, assert_metadata, read_container
from harness.penstock import merged
from harness.service import wait_until
from harness.torture import Plan, Torture

PARTITIONS = 4
CONNECTION_STRING = "Endpoint=sb://localhost/;SharedAccessKeyName=listen;SharedAccessKey=c2VjcmV0;UseDevelopmentEmulator=true"
# Members are named after their instance there as here, and a name there has more than 128 bytes.
LONG_NAME = "ns-of-a-long-name.servicebus.windows.net.c.penstock-group.I.penstock-client-of-a-very-long-name-" + "x" * 40


@pytest.fixture
def hubs(kafka):
    """hubs(settings of EventHubs) -> EventHubs. Nothing may have been asked of it that Event Hubs does not have."""
    made: list[EventHubs] = []

    def make(**settings) -> EventHubs:
        made.append(EventHubs(**settings))
        made[-1].toward(kafka.port)
        return made[-1]

    yield make
    for each in made:
        each.close()
    assert [each.violations for each in made] == [[]] * len(made)


def through(hubs: EventHubs, lands, **changes) -> dict:
    """A commit that is held back for a second has to be answered within half of fence_wait."""
    return merged(lands.config(), {"source": {"brokers": [hubs.bootstrap], "fence_wait": "3s", "instance": LONG_NAME},
                                   "batch": {"max_age": "1s"}, **changes})


@pytest.mark.parametrize("fetch, fetch_versions", [
    ("direct", VERSIONS[FETCH]), ("direct", NEWER_FETCH), ("librdkafka", VERSIONS[FETCH])], indirect=["fetch"],
    ids=["direct, fetch 6", "direct, fetch 12", "librdkafka"])
def test_every_record_lands_once_at_the_pace_of_event_hubs(landing, hubs, fetch_versions):
    lands = landing(PARTITIONS)
    through_hubs = hubs(fetch=fetch_versions)
    penstock = lands.penstock(through(through_hubs, lands)).start()
    for _ in range(4):  # batches that follow each other, and one that is finished alone
        lands.book.spread(PARTITIONS, 100, 800)
        time.sleep(0.8)
    lands.wait_landed()
    assert penstock.terminate() == 0
    files = read_container(lands.azurite, lands.container)
    assert_exactly(lands.book, files)
    assert_metadata(files, lands.topic, lands.group)
    assert lands.kafka.committed(lands.group, lands.topic, PARTITIONS) == dict(lands.book.offsets)
    if lands.fetch == "direct":
        claims = sum(each.is_claim for each in through_hubs.commits)
        assert claims >= PARTITIONS, "the pace of commits without claims tells nothing"
        assert through_hubs.finishes_near_a_claim() == []
        assert through_hubs.most_commits_in_a_second() <= 4
        assert not re.search(r"offsets were not committed|a commit of offsets was refused", penstock.output)


def test_a_throttled_fetch_is_not_the_end(landing, hubs):
    """It comes back empty, with a time to wait. A bounded run that took it for the end would leave records behind."""
    lands = landing(PARTITIONS)
    throttles = hubs()
    throttles.throttle_next = 6
    lands.book.spread(PARTITIONS, 2000, 500)
    penstock = lands.penstock(through(throttles, lands), "--exit-at-end")
    penstock.service.start()
    assert penstock.wait(60) == 0, penstock.output[-3000:]
    assert throttles.throttled == 6
    assert_exactly(lands.book, read_container(lands.azurite, lands.container))


def test_connections_that_are_closed_while_idle_are_opened_anew_without_a_word(landing, hubs):
    """Two seconds stand for Azure's 240: what nothing is asked of is closed again and again."""
    lands = landing(PARTITIONS)
    impatient = hubs(idle_s=2)
    penstock = lands.penstock(through(impatient, lands)).start()
    for times in (1, 2):
        lands.book.spread(PARTITIONS, 40, 300)
        lands.wait_landed()
        wait_until(lambda: sum(OFFSET_COMMIT in asked for asked in impatient.idle_closed) >= times, 30,
                   "the connection of the commits was idle for too long")
    lands.book.spread(PARTITIONS, 40, 300)
    lands.wait_landed()
    assert penstock.terminate() == 0
    assert_exactly(lands.book, read_container(lands.azurite, lands.container))
    troubles = [line for line in penstock.output.splitlines()
                if re.search(r" (warning|error) ", line) and not re.search(r"source\.fence_wait|the portable|page cache", line)]
    assert not troubles, "\n".join(troubles)


def logging_in(lands, proxy: EventHubs, text: str) -> dict:
    return through(proxy, lands, source={"brokers": [proxy.bootstrap], "fence_wait": "3s", "tls": {"enabled": False},
                                         "auth": {"type": "connection-string", "value": text}})


@pytest.mark.both_sources
@pytest.mark.parametrize("pasted", [CONNECTION_STRING, f" {CONNECTION_STRING};\r\n"], ids=["bare", "as pasted"])
def test_a_connection_string_is_the_login(landing, hubs, pasted):
    lands = landing(PARTITIONS)
    lands.book.spread(PARTITIONS, 100, 200)
    asks = hubs(connection_string=CONNECTION_STRING)
    penstock = lands.penstock(logging_in(lands, asks, pasted), "--exit-at-end")
    penstock.service.start()
    assert penstock.wait(60) == 0, penstock.output[-3000:]
    assert asks.logins_refused == 0
    assert "c2VjcmV0" not in penstock.output
    assert_exactly(lands.book, read_container(lands.azurite, lands.container))


def test_a_wrong_connection_string_is_refused_in_a_sentence(landing, hubs):
    lands = landing(PARTITIONS)
    asks = hubs(connection_string=CONNECTION_STRING)
    penstock = lands.penstock(logging_in(lands, asks, CONNECTION_STRING.replace("c2VjcmV0", "b3RoZXI=")))
    penstock.service.start()
    assert penstock.wait(30) == 1, penstock.output[-3000:]
    assert "source.auth" in penstock.output and "b3RoZXI=" not in penstock.output, penstock.output[-3000:]
    assert asks.logins_refused > 0


@pytest.mark.long
@pytest.mark.timeout(900)
def test_whatever_happens_each_record_lands_once(binary, kafka, azurite, hubs, tmp_path):
    proxy = hubs(idle_s=5)
    torture = Torture(kafka, azurite, tmp_path / "torture", Plan(seed=13, kills=30, zombies=4), proxy.bootstrap)
    found = torture.run()
    torture.say()
    print(found, f"; {proxy.held_back} commits held back, {len(proxy.idle_closed)} idle connections closed")
    assert not found.faults, "\n".join([str(found), *found.faults[:40]])
    assert found.lost == found.doubled == 0 and found.lines == torture.book.records, str(found)
    code, verified = torture.verify()
    assert code == 0 and verified["records"] == found.lines
