"""A restart in the middle of an outage of the storage: what is on the stage is not fetched again, and lands once.

64 MB; a gigabyte by `./dev test long`. What was measured is printed.
"""

import re
import time

import pytest

from harness.lake import assert_exactly, read_container
from harness.penstock import merged
from harness.service import wait_until

PARTITIONS = 4
RECORD_BYTES = 1024
FETCHED_AGAIN_MAX = 0.05


def later_epochs(lands) -> int:
    """How many leader epochs the log has beyond its first, as the broker noted on its disk."""
    noted = lands.kafka.directory / "data" / f"{lands.topic}-0" / "leader-epoch-checkpoint"
    return int(noted.read_text().split()[1]) - 1


def test_a_leader_that_changes_in_the_outage_cuts_nothing(landing):
    """What is on the stage may have been written under a later leader than the group's entry knows of."""
    lands = landing(1)
    config = merged(lands.config(), {
        "batch": {"max_age": "300s"}, "sink": {"block_bytes": "1MiB"},  # so that nothing is claimed yet
        "source": {"librdkafka": {"session.timeout.ms": 60_000}}})  # longer than the broker is away
    penstock = lands.penstock(config).start()
    lands.book.spread(1, 100, RECORD_BYTES)
    penstock.wait_metric("penstock_records_received_total", 100)
    assert penstock.terminate() == 0

    penstock.start()
    lands.azurite.stop()
    lands.book.spread(1, 4000, RECORD_BYTES)
    penstock.wait_metric("penstock_records_received_total", 4000)
    lands.kafka.service.suspend()
    time.sleep(4)  # twice the broker's session: it loses its partitions and gets them again
    lands.kafka.service.resume()
    wait_until(lambda: lands.book.spread(1, 100, RECORD_BYTES) or later_epochs(lands) > 0, 30, "a new leader epoch")
    lands.book.spread(1, 4000, RECORD_BYTES)
    penstock.wait_metric("penstock_records_received_total", lands.book.line_count - 100)
    penstock.wait_metric("penstock_stage_live_bytes", 7000 * RECORD_BYTES)
    penstock.service.kill()
    lands.azurite.start()

    lands.book.spread(1, 10, RECORD_BYTES)
    goes_on = lands.penstock(config, "--exit-at-end")
    goes_on.service.start()
    assert goes_on.wait() == 0, goes_on.output[-3000:]
    used = max(map(int, re.findall(r" used_bytes=(\d+)", goes_on.output)))
    assert used >= 6000 * RECORD_BYTES, f"only {used} bytes were used again"
    lands.book.spread(1, 10, RECORD_BYTES)
    goes_on.service.start()  # from the entry of the one before
    assert goes_on.wait() == 0, goes_on.output[-3000:]
    assert_exactly(lands.book, read_container(lands.azurite, lands.container))


@pytest.mark.parametrize("megabytes", [
    64, pytest.param(1000, marks=[pytest.mark.long, pytest.mark.timeout(1200)])])
def test_kill_9_in_an_outage_fetches_nothing_again_that_is_on_the_stage(landing, megabytes):
    lands = landing(PARTITIONS)
    count = megabytes * 1_000_000 // RECORD_BYTES
    penstock = lands.penstock(merged(lands.config(), {
        "batch": {"max_age": "300s", "max_bytes": "16MiB"}, "sink": {"block_bytes": "1MiB"},
        "stage": {"max_bytes": "4GiB"}}))

    def send(records: int):
        lands.book.spread(PARTITIONS, records, RECORD_BYTES)
        lands.book.flush()

    penstock.start()  # so that the group has a position for each partition: R7 asks for one
    send(1000)
    penstock.wait_metric("penstock_records_received_total", 1000)
    assert penstock.terminate() == 0

    penstock.start()
    wait_until(lambda: penstock.metric("penstock_assigned_partitions") == PARTITIONS, 60, "an assignment")
    lands.azurite.stop()
    send(count)
    penstock.wait_metric("penstock_records_received_total", count, timeout_s=300)
    staged = penstock.wait_metric("penstock_stage_live_bytes", (1 - FETCHED_AGAIN_MAX) * count * RECORD_BYTES)
    penstock.service.kill()

    penstock.service.start()  # the storage is still away
    wait_until(penstock.has_workers, 60, "the second process has workers")
    used = penstock.wait_metric("penstock_recovered_used_bytes_total", (1 - FETCHED_AGAIN_MAX) * staged, timeout_s=120)
    lands.azurite.start()
    send(PARTITIONS)
    lands.wait_landed(1000 + int((1 - FETCHED_AGAIN_MAX) * count), timeout_s=300)
    lines = RECORD_BYTES + 1
    wait_until(lambda: used / lines + penstock.metric("penstock_records_received_total") >= count + PARTITIONS, 60,
               "reading goes on to the end")
    again = penstock.metric("penstock_records_received_total") - PARTITIONS
    peak = penstock.peak_rss_bytes
    assert penstock.terminate(timeout_s=120) == 0
    print(f"\n{staged / 1e6:.0f} MB staged, {used / 1e6:.0f} MB of it used again, {again:.0f} of {count} records fetched again "
          f"({100 * again / count:.2f} %); peak RSS of the second process {peak / 2**20:.0f} MiB")
    assert again <= FETCHED_AGAIN_MAX * count
    assert_exactly(lands.book, read_container(lands.azurite, lands.container))
