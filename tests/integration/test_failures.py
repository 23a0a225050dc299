"""What fails meanwhile changes nothing about what lands."""

import re
import signal
import threading
import time
from typing import Callable

import pytest

from harness.deployment import wait_said
from harness.fault_proxy import Fault, Request, is_blob_commit, is_put_block
from harness.lake import assert_exactly, assert_nothing_lost, landed_records, read_container
from harness.penstock import merged
from harness.service import wait_until

OUTAGE_S = 10  # test_soak.py has one of a minute


class Trickle:
    """Sends records from a thread until it is told to end."""

    def __init__(self, book, partitions: int, size: int = 500, per_second: int = 400):
        self.book, self.partitions, self.size, self.per_second = book, partitions, size, per_second
        self._end = threading.Event()
        self._thread = threading.Thread(target=self._send)

    def __enter__(self):
        self._thread.start()
        return self

    def _send(self):
        count = 0
        while not self._end.wait(0.05):
            for _ in range(self.per_second // 20):
                self.book.send_sequenced(count % self.partitions, self.size)
                count += 1

    def __exit__(self, *_):
        self._end.set()
        self._thread.join()
        self.book.flush()


def test_the_store_is_away_and_comes_back(landing, proxy):
    lands = landing(4)
    penstock = lands.penstock(lands.config(proxy.port)).start()
    with Trickle(lands.book, 4):
        wait_until(lambda: landed_records(lands.azurite, lands.container) > 0, 30, "a first file")
        proxy.down()
        began = time.monotonic()
        wait_until(lambda: penstock.get("/readyz")[0] == 503, 30, "an outage of the store shows")
        assert penstock.get("/healthz")[0] == 200, "a restart would not help"
        # The stage has room: reading goes on.
        penstock.wait_metric("penstock_records_received_total", penstock.metric("penstock_records_received_total") + 400)
        time.sleep(max(0.0, began + OUTAGE_S - time.monotonic()))
        proxy.up()
    lands.wait_landed()
    assert "uploads fail and are tried again, nothing is lost" in penstock.output
    assert penstock.terminate() == 0
    assert_exactly(lands.book, read_container(lands.azurite, lands.container))


@pytest.mark.both_sources
def test_the_store_is_away_until_the_stage_is_full(landing, proxy):
    """Little memory and few large values: what fills the stage is to come and go within the time of a test, on a busy machine
    too, and the harness takes its time for each record and each block."""
    stage_bytes, size, count = 128 << 20, 16_000, 11_000  # a quarter more than stage and slabs hold
    lands = landing(2)
    config = merged(lands.config(proxy.port), {
        "stage": {"max_bytes": "128MiB"}, "sink": {"block_bytes": "1MiB"}, "runtime": {"memory": "80MiB"},
        "batch": {"max_age": "1s", "max_bytes": "16MiB"}})
    penstock = lands.penstock(config).start()
    proxy.down()
    lands.book.spread(2, count, size)

    wait_until(lambda: re.search(r"the stage \S+ is full \(\d+ of \d+ bytes\)", penstock.get("/readyz")[1]), 90,
               "/readyz says that the stage is full")

    def stands_still() -> bool:
        before = penstock.metric("penstock_records_received_total")
        time.sleep(2)
        return penstock.metric("penstock_records_received_total") == before

    wait_until(stands_still, 60, "no record is taken any more")
    assert stage_bytes // 2 // size < penstock.metric("penstock_records_received_total") < lands.book.records
    assert penstock.metric("penstock_stage_live_bytes") <= stage_bytes
    assert penstock.metric("penstock_assigned_partitions") == 2, "membership is alive"
    proxy.up()
    lands.wait_landed(timeout_s=120)
    assert penstock.terminate() == 0
    assert_exactly(lands.book, read_container(lands.azurite, lands.container))


@pytest.mark.both_sources
def test_kafka_is_away_and_comes_back(landing):
    """It goes away between reading and publishing. What was read is published and committed when it is back, or before, and
    nothing is read twice: the membership outlives the outage."""
    lands = landing(4)
    penstock = lands.penstock(merged(lands.config(), {
        "batch": {"max_age": "4s"}, "source": {"librdkafka": {"session.timeout.ms": 60_000}}})).start()
    lands.book.spread(4, 400, 500)
    penstock.wait_metric("penstock_records_received_total", 400)
    lands.kafka.kill()  # at once: a broker that is stopped takes its time, and the batches land meanwhile
    assert penstock.metric("penstock_publishing_batches") + penstock.metric("penstock_open_batches") > 0, "all was done before"
    wait_until(lambda: penstock.get("/readyz")[0] == 503, 30, "an outage of the broker shows")
    wait_until(lambda: penstock.metric("penstock_open_batches") == 0, 30, "what was read is sealed")
    assert penstock.service.running
    lands.kafka.start()
    lands.wait_landed()
    wait_until(lambda: lands.kafka.committed(lands.group, lands.topic, 4) == dict(lands.book.offsets), 60, "all is committed")
    lands.book.spread(4, 400, 500)
    lands.wait_landed()
    assert penstock.terminate() == 0
    assert_exactly(lands.book, read_container(lands.azurite, lands.container))


@pytest.mark.both_sources
def test_started_before_kafka_is_there(landing):
    lands = landing(1)
    lands.book.spread(1, 100, 100)
    lands.kafka.stop()
    penstock = lands.penstock()
    penstock.service.start()
    wait_until(lambda: "waiting for the brokers" in penstock.output, 30, "the log says what is awaited")
    assert penstock.get("/readyz")[0] == 503
    lands.kafka.start()
    lands.wait_landed()
    assert penstock.terminate() == 0
    assert_exactly(lands.book, read_container(lands.azurite, lands.container))


@pytest.mark.both_sources
def test_sigterm_under_load_publishes_all_that_was_read(landing):
    lands = landing(4)
    config = merged(lands.config(), {"batch": {"max_age": "60s"}})
    penstock = lands.penstock(config).start()
    with Trickle(lands.book, 4, per_second=2000):
        penstock.wait_metric("penstock_records_received_total", 3000)
        assert penstock.terminate() == 0
    files = read_container(lands.azurite, lands.container)
    landed = sum(len(file.lines) for file in files)
    assert landed >= 3000
    committed = lands.kafka.committed(lands.group, lands.topic, 4)
    assert sum(max(offset, 0) for offset in committed.values()) == landed, "exactly what landed is committed"
    # The next one goes on where this one stopped: nothing twice, nothing missing.
    again = lands.penstock(config, "--exit-at-end")
    again.service.start()
    assert again.wait(60) == 0
    assert_exactly(lands.book, read_container(lands.azurite, lands.container))


def test_sigint_is_as_sigterm(landing):
    lands = landing(1)
    penstock = lands.penstock(merged(lands.config(), {"batch": {"max_age": "60s"}})).start()
    lands.book.spread(1, 100, 100)
    penstock.wait_metric("penstock_records_received_total", 100)
    penstock.service.send(signal.SIGINT)
    assert penstock.wait(30) == 0
    assert_exactly(lands.book, read_container(lands.azurite, lands.container))
    assert lands.kafka.committed(lands.group, lands.topic, 1) == {0: 100}


@pytest.mark.parametrize("fetch, guarantee", [
    ("direct", "exactly_once"), ("direct", "at_least_once"), ("librdkafka", "at_least_once")], indirect=["fetch"])
def test_kill_9_under_load_loses_nothing(landing, proxy, guarantee):
    """Killed before the request that makes a file is carried out, then after, then at any moment. By default each record lands
    once. With at_least_once those of the file that was there already land twice: nobody had committed them."""
    lands = landing(4)
    config = merged(lands.config(proxy.port), {"guarantee": guarantee, "stage": {"dir": str(lands.directory / "stage-of-all")}})
    with Trickle(lands.book, 4, per_second=2000):
        for moment in ("on_arrival", "on_effect", None):
            penstock = lands.penstock(config).start()
            penstock.wait_metric("penstock_records_received_total", 500)
            if moment:
                ambush = Fault(is_blob_commit, lose_reply=moment == "on_effect", reset=moment == "on_arrival",
                               **{moment: penstock.service.kill})
                proxy.add(ambush)
                wait_until(lambda: not penstock.service.running, 30, "a file is made, and it is killed")
                assert len(ambush.requests) == 1
            else:
                penstock.service.kill()
    last = lands.penstock(config, "--exit-at-end")
    last.service.start()
    assert last.wait(90) == 0
    files = read_container(lands.azurite, lands.container)
    if guarantee == "exactly_once":
        assert_exactly(lands.book, files)
    else:
        assert assert_nothing_lost(lands.book, files) > 0, "a file that nobody had committed is read again"
    committed = lands.kafka.committed(lands.group, lands.topic, 4)
    assert committed == dict(lands.book.offsets)


def test_a_busy_store_is_asked_again_no_earlier_than_it_said(landing, proxy):
    lands = landing(1)
    proxy.add(Fault(lambda request: request.is_data_write and "_penstock" not in request.path, count=2, status=503,
                    headers={"Retry-After": "2"}))
    penstock = lands.penstock(lands.config(proxy.port)).start()
    lands.book.spread(1, 100, 100)
    lands.wait_landed()
    tries = proxy.seen(lambda request: request.is_data_write and "_penstock" not in request.path)
    assert [request.status for request in tries] == [503, 503, 201]
    assert all(later.at - earlier.at >= 1.9 for earlier, later in zip(tries, tries[1:]))
    assert penstock.metric("penstock_put_retries_total", reason="unavailable") + \
        penstock.metric("penstock_put_retries_total", reason="throttled") == 2
    assert penstock.terminate() == 0
    assert_exactly(lands.book, read_container(lands.azurite, lands.container))


# What is done to two requests of each kind, and what is to be seen of it afterwards.
IN_TRANSIT = {"reset": {"reset": True}, "lose_reply": {"lose_reply": True}, "slow": {"delay_s": 0.5},
              "408": {"status": 408, "code": "OperationTimedOut"}, "429": {"status": 429, "code": "AccountIopsLimitExceeded"}}


def data_write(kind) -> Callable[[Request], bool]:
    return lambda request: request.is_data_write and "_penstock" not in request.path and kind(request)


def a_file_of_many_blocks_and_one_of_a_block(lands, penstock):
    """Each of the requests that write: Put Block, Put Block List, Put Blob."""
    for lines, size in ((4000, 1024), (20, 100)):
        lands.book.spread(2, lines, size)
        lands.wait_landed()
        # A file is there before penstock knows of it: its answer may have been lost.
        wait_until(lambda: penstock.metric("penstock_publishing_batches") + penstock.metric("penstock_open_batches") == 0, 30,
                   "all is finished")


@pytest.mark.parametrize("what", IN_TRANSIT)
def test_requests_that_fail_in_transit(landing, proxy, what):
    """Also those that took effect and whose answer was lost: the blob that is there is recognised as ours."""
    lands = landing(2)
    faults = {}
    for name, kind in (("block", is_put_block), ("list", lambda request: "comp=blocklist" in request.path),
                       ("blob", lambda request: "comp=" not in request.path)):
        faults[name] = Fault(data_write(kind), count=2, **IN_TRANSIT[what])
        proxy.add(faults[name])
    penstock = lands.penstock(merged(lands.config(proxy.port), {
        "sink": {"block_bytes": "256KiB"}, "batch": {"max_bytes": "2MiB"}})).start()
    a_file_of_many_blocks_and_one_of_a_block(lands, penstock)
    for name, fault in faults.items():
        assert len(fault.requests) == 2 or (what, name) == ("slow", "blob"), f"{what}, {name}: not two of them"
        for request in fault.requests:
            again = proxy.seen(lambda other: (other.method, other.path) == (request.method, request.path))
            assert len(again) > 1 or what == "slow", f"{name}: it was not repeated: {request.path}"
    if what == "slow":
        assert penstock.metric("penstock_put_retries_total") == 0
    elif what in ("408", "429"):  # what breaks on a connection that was kept, libcurl may repeat by itself
        assert penstock.metric("penstock_put_retries_total", reason="throttled") == 6
    if what == "lose_reply":
        # Those that made a file are told that the name is taken. Whose it is says the answer to a HEAD.
        taken = proxy.seen(lambda request: is_blob_commit(request) and request.status in (409, 412))
        asked = proxy.seen(lambda request: request.method == "HEAD" and request.status == 200)
        assert len(taken) >= 2 and len(asked) >= 2
    assert penstock.terminate() == 0
    assert_exactly(lands.book, read_container(lands.azurite, lands.container))


def test_bytes_that_change_in_transit_are_noticed_and_sent_again(landing, proxy):
    """A block by the checksum in its answer, a whole blob by the one that goes with it."""
    lands = landing(2)
    whole = data_write(lambda request: "comp=" not in request.path)
    faults = [Fault(kind, count=2, damage=True) for kind in (data_write(is_put_block), whole)]
    for fault in faults:
        proxy.add(fault)
    penstock = lands.penstock(merged(lands.config(proxy.port), {
        "sink": {"block_bytes": "256KiB"}, "batch": {"max_bytes": "2MiB"}})).start()
    a_file_of_many_blocks_and_one_of_a_block(lands, penstock)
    assert [len(fault.requests) for fault in faults] == [2, 2]
    refused = [request for request in proxy.seen(whole) if request.status == 400]
    assert penstock.metric("penstock_put_retries_total", reason="corrupt") == 4
    assert len(refused) == 2
    assert "an upload is repeated, nothing is lost: Put Block" in penstock.output
    assert penstock.terminate() == 0
    assert_exactly(lands.book, read_container(lands.azurite, lands.container))


@pytest.mark.both_sources
def test_two_processes_share_the_group(landing):
    """One joins, one leaves by SIGTERM, under load: the partitions move, drained; nothing is lost or doubled."""
    lands = landing(4)
    first = lands.penstock().start()
    with Trickle(lands.book, 4):
        first.wait_metric("penstock_blobs_published_total", 1)
        second = lands.penstock(merged(lands.config(), {"stage": {"dir": str(lands.directory / "stage-2")},
                                                        "source": {"instance": "second"}})).start()
        wait_until(lambda: second.metric("penstock_assigned_partitions") == 2, 60, "the second has half of the partitions")
        second.wait_metric("penstock_blobs_published_total", 1)
        assert first.terminate() == 0
        wait_until(lambda: second.metric("penstock_assigned_partitions") == 4, 60, "the second has all partitions")
        second.wait_metric("penstock_blobs_published_total", second.metric("penstock_blobs_published_total") + 1)
    lands.wait_landed()
    assert second.terminate() == 0
    assert_exactly(lands.book, read_container(lands.azurite, lands.container))


def test_a_twin_with_the_same_instance_takes_over_and_the_first_says_why_it_ends(landing):
    """A copied configuration: both are the same member of the group. The later one is it; nothing is lost or doubled."""
    lands = landing(2)
    first = lands.penstock(merged(lands.config(), {"source": {"instance": "twin"}})).start()
    with Trickle(lands.book, 2):
        first.wait_metric("penstock_blobs_published_total", 1)
        second = lands.penstock(merged(lands.config(), {"stage": {"dir": str(lands.directory / "stage-2")},
                                                        "source": {"instance": "twin"}})).start()
        assert first.wait(60) == 2
        assert "source.instance" in first.output
        wait_until(lambda: second.metric("penstock_assigned_partitions") == 2, 60, "the twin has all partitions")
        second.wait_metric("penstock_blobs_published_total", 1)
    lands.wait_landed()
    assert second.terminate() == 0
    assert_exactly(lands.book, read_container(lands.azurite, lands.container))


def test_a_second_signal_leaves_at_once(landing, proxy):
    lands = landing(1)
    penstock = lands.penstock(lands.config(proxy.port)).start()
    proxy.down()  # so that draining cannot end
    lands.book.spread(1, 100, 100)
    penstock.wait_metric("penstock_records_received_total", 100)
    penstock.service.send(signal.SIGTERM)
    wait_said(penstock, "publishing what was read")
    time.sleep(1)  # two within half a second are one
    assert penstock.service.running, "it left although nothing was published"
    penstock.service.send(signal.SIGTERM)
    assert penstock.wait(20) == 1
    assert "left at once" in penstock.output and "the drain was given up" not in penstock.output
    proxy.up()
    again = lands.penstock(lands.config(), "--exit-at-end")
    again.service.start()
    assert again.wait(60) == 0
    assert_exactly(lands.book, read_container(lands.azurite, lands.container))
