"""What fails meanwhile changes nothing about what lands."""

import os
import signal
import threading
import time

import pytest

from harness.fault_proxy import Fault, is_put_block
from harness.lake import assert_exactly, landed_records, read_container
from harness.penstock import merged
from harness.service import wait_until

# A minute by PENSTOCK_LONG=1; the same happens in ten seconds.
OUTAGE_S = 60 if os.environ.get("PENSTOCK_LONG") else 10


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
        time.sleep(OUTAGE_S)
        assert penstock.get("/readyz")[0] == 503, "an outage of the store must show"
        assert penstock.get("/healthz")[0] == 200, "a restart would not help"
        received = penstock.metric("penstock_records_received_total")
        time.sleep(1.5)
        assert penstock.metric("penstock_records_received_total") > received, "the stage has room: reading goes on"
        proxy.up()
    lands.wait_landed()
    assert "uploads fail and are tried again, nothing is lost" in penstock.output
    assert penstock.terminate() == 0
    assert_exactly(lands.book, read_container(lands.azurite, lands.container))


@pytest.mark.both_sources
def test_the_store_is_away_until_the_stage_is_full(landing, proxy):
    lands = landing(2)
    config = merged(lands.config(proxy.port), {
        "stage": {"max_bytes": "128MiB"}, "sink": {"block_bytes": "1MiB"}, "batch": {"max_age": "1s", "max_bytes": "16MiB"}})
    penstock = lands.penstock(config).start()
    proxy.down()
    lands.book.spread(2, 300_000, 1024)

    def stands_still() -> bool:
        before = penstock.metric("penstock_records_received_total")
        time.sleep(3)
        return before > 50_000 and penstock.metric("penstock_records_received_total") == before

    wait_until(stands_still, 90, "no record is taken any more")
    assert penstock.metric("penstock_records_received_total") < lands.book.records
    assert penstock.metric("penstock_stage_live_bytes") <= 128 << 20
    assert "no room on the stage" in penstock.get("/readyz")[1]
    assert penstock.metric("penstock_assigned_partitions") == 2, "membership is alive"
    proxy.up()
    lands.wait_landed(timeout_s=120)
    assert penstock.terminate() == 0
    assert_exactly(lands.book, read_container(lands.azurite, lands.container))


@pytest.mark.both_sources
def test_kafka_is_away_and_comes_back(landing):
    lands = landing(4)
    lands.book.spread(4, 400, 500)
    penstock = lands.penstock().start()
    lands.wait_landed()
    lands.kafka.stop()
    time.sleep(OUTAGE_S)
    assert penstock.service.running
    lands.kafka.start()
    lands.book.spread(4, 400, 500)
    lands.wait_landed()
    assert penstock.terminate() == 0
    lands.assert_kept()


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


@pytest.mark.both_sources
def test_kill_9_under_load_lands_each_record_once(landing):
    """Over librdkafka's fetch: at least once."""
    lands = landing(4)
    config = merged(lands.config(), {"stage": {"dir": str(lands.directory / "stage-of-all")}})
    with Trickle(lands.book, 4, per_second=2000):
        for lives_s in (0.3, 0.7, 1.1):
            penstock = lands.penstock(config).start()
            penstock.wait_metric("penstock_blobs_published_total", 1)
            time.sleep(lives_s)
            penstock.service.kill()
    last = lands.penstock(config, "--exit-at-end")
    last.service.start()
    assert last.wait(90) == 0
    lands.assert_kept()
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


@pytest.mark.parametrize("fault", ["reset", "lose_reply", "slow"])
def test_requests_that_fail_in_transit(landing, proxy, fault):
    """Also those that took effect and whose answer was lost: the blob that is there is recognised as ours."""
    lands = landing(2)
    actions = {"reset": {"reset": True}, "lose_reply": {"lose_reply": True}, "slow": {"delay_s": 0.5}}
    data_write = lambda request: request.is_data_write and "_penstock" not in request.path  # noqa: E731
    for kind in (is_put_block, lambda request: "comp=blocklist" in request.path, lambda request: "comp=" not in request.path):
        proxy.add(Fault(lambda request, kind=kind: data_write(request) and kind(request), count=2, **actions[fault]))
    penstock = lands.penstock(merged(lands.config(proxy.port), {
        "sink": {"block_bytes": "256KiB"}, "batch": {"max_bytes": "2MiB"}})).start()
    lands.book.spread(2, 4000, 1024)
    lands.wait_landed()
    time.sleep(3)
    lands.book.spread(2, 20, 100)  # a file of one block
    lands.wait_landed()
    assert penstock.terminate() == 0
    assert_exactly(lands.book, read_container(lands.azurite, lands.container))


def test_bytes_that_change_in_transit_are_noticed_and_sent_again(landing, proxy):
    """A block by the checksum in its answer, a whole blob by the one that goes with it."""
    lands = landing(2)
    whole = lambda request: request.is_data_write and "comp=" not in request.path  # noqa: E731
    for kind in (is_put_block, whole):
        proxy.add(Fault(lambda request, kind=kind: "_penstock" not in request.path and kind(request), count=2, damage=True))
    penstock = lands.penstock(merged(lands.config(proxy.port), {
        "sink": {"block_bytes": "256KiB"}, "batch": {"max_bytes": "2MiB"}})).start()
    lands.book.spread(2, 4000, 1024)
    lands.wait_landed()
    time.sleep(3)
    lands.book.spread(2, 20, 100)  # a file of one block
    lands.wait_landed()
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
        time.sleep(4)
        assert first.terminate() == 0
        wait_until(lambda: second.metric("penstock_assigned_partitions") == 4, 60, "the second has all partitions")
        time.sleep(3)
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
        assert first.wait(60) == 1
        assert "source.instance" in first.output
        wait_until(lambda: second.metric("penstock_assigned_partitions") == 2, 60, "the twin has all partitions")
        time.sleep(3)
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
    time.sleep(2)
    assert penstock.service.running, "it left although nothing was published"
    began = time.monotonic()
    penstock.service.send(signal.SIGTERM)
    assert penstock.wait(20) == 1
    assert time.monotonic() - began < 5
    assert "left at once" in penstock.output
    proxy.up()
    again = lands.penstock(lands.config(), "--exit-at-end")
    again.service.start()
    assert again.wait(60) == 0
    assert_exactly(lands.book, read_container(lands.azurite, lands.container))
