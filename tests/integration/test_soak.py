"""Two gigabytes: memory stays flat, with the blob service there and with it away for a minute in the middle.

Against the release build (sanitizers multiply memory), by `./dev test long`. What was measured is printed.
"""

import threading
import time

import pytest

from harness.lake import NAME, partition_of
from harness.penstock import merged
from harness.service import wait_until

PARTITIONS = 8
RECORD_BYTES = 1024
RECORDS = 2_000_000_000 // RECORD_BYTES
RSS_BYTES_MAX = 192 << 20  # runtime.memory
OUTAGE_S = 60

pytestmark = [pytest.mark.long, pytest.mark.timeout(1800)]


class Watch:
    """The highest of a metric, sampled from outside while the test goes on."""

    def __init__(self, penstock, name: str):
        self.highest = 0.0
        self._penstock, self._name = penstock, name
        self._end = threading.Event()
        self._thread = threading.Thread(target=self._sample, daemon=True)

    def _sample(self):
        while not self._end.wait(0.5):
            try:
                self.highest = max(self.highest, self._penstock.metric(self._name))
            except AssertionError:
                pass  # between two answers; the next sample is half a second away

    def __enter__(self):
        self._thread.start()
        return self

    def __exit__(self, *_):
        self._end.set()
        self._thread.join()


def fill(book):
    """Sequenced values in turn to each partition. The book keeps counts, not two gigabytes of lines."""
    for index in range(RECORDS):
        book.send_sequenced(index % PARTITIONS, RECORD_BYTES)
        if index % 10_000 == 0:
            for lines in book.lines.values():
                lines.clear()
    book.flush()


def assert_all_there_once_in_order(lands):
    """Each partition's sequence numbers, over the files in their order, count from 0 without a step."""
    client = lands.azurite.client().get_container_client(lands.container)
    following = dict.fromkeys(range(PARTITIONS), 0)
    # One writer wrote all, so its counter is the order.
    in_order = sorted(client.list_blob_names(), key=lambda name: int(NAME.match(name)["counter"]))
    for name in in_order:
        for line in client.download_blob(name).readall().splitlines():
            partition = partition_of(line)
            assert len(line) == RECORD_BYTES and line.startswith(b"%d/%d " % (partition, following[partition])), \
                f"{name}: partition {partition} should go on with {following[partition]}: {line[:40]!r}"
            following[partition] += 1
    assert following == dict(lands.book.offsets)


def configured(lands, port: int | None = None) -> dict:
    return merged(lands.config(port), {
        "batch": {"max_age": "20s", "max_bytes": "256MiB"},
        "sink": {"block_bytes": "4MiB"},
        "stage": {"max_bytes": "4GiB"}})


def finish(lands, penstock, watch, began: float, what: str):
    lands.wait_landed(RECORDS, timeout_s=900)
    seconds = time.monotonic() - began
    peak = penstock.peak_rss_bytes
    blocks = penstock.metric("penstock_blocks_uploaded_total")
    assert penstock.terminate() == 0
    print(f"\n{what}: {RECORDS} records of {RECORD_BYTES} bytes in {seconds:.0f} s; peak RSS {peak / 2**20:.0f} MiB, "
          f"most on the stage {watch.highest / 2**20:.0f} MiB, {blocks:.0f} blocks")
    assert peak <= RSS_BYTES_MAX
    assert_all_there_once_in_order(lands)


def test_two_gigabytes_within_the_memory_bound(landing):
    lands = landing(PARTITIONS)
    fill(lands.book)
    began = time.monotonic()
    penstock = lands.penstock(configured(lands)).start()
    with Watch(penstock, "penstock_stage_live_bytes") as watch:
        # Pipelined: blocks are stored while no batch has been published yet.
        wait_until(lambda: penstock.metric("penstock_blocks_uploaded_total") > 0, 60, "a block while the batch is open")
        assert penstock.metric("penstock_blobs_published_total") == 0
        lands.wait_landed(RECORDS, timeout_s=900)
    finish(lands, penstock, watch, began, "in one go")


def test_two_gigabytes_with_the_service_away_for_a_minute(landing):
    lands = landing(PARTITIONS)
    fill(lands.book)
    began = time.monotonic()
    penstock = lands.penstock(configured(lands)).start()
    with Watch(penstock, "penstock_stage_live_bytes") as watch:
        penstock.wait_metric("penstock_records_received_total", RECORDS / 10, timeout_s=120)
        lands.azurite.stop()
        staged, peak = penstock.metric("penstock_stage_live_bytes"), penstock.peak_rss_bytes
        time.sleep(OUTAGE_S)
        assert penstock.metric("penstock_stage_live_bytes") > staged + (256 << 20), "the stage takes what cannot go out"
        print(f"\nRSS peak before the outage {peak / 2**20:.0f} MiB, behind it {penstock.peak_rss_bytes / 2**20:.0f} MiB")
        lands.azurite.start()
        lands.wait_landed(RECORDS, timeout_s=900)
    finish(lands, penstock, watch, began, f"with an outage of {OUTAGE_S} s")
