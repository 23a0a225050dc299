"""Many topics, partitions and files: memory within its bound, with and without an outage of the storage, and next to no
processor time while nothing comes.

Against the release build (sanitizers multiply both), by `./dev test long`. What was measured is printed.
"""

import itertools
import time
from collections import Counter

import pytest
from confluent_kafka import Producer
from confluent_kafka.admin import NewTopic

from harness.kafka import Kafka
from harness.lake import files_of, landed_records
from harness.penstock import Penstock, base_config, merged
from harness.process import cpu_seconds
from harness.service import wait_until

RECORD_BYTES = 1000
VALUE = b"{%s}" % (b"x" * (RECORD_BYTES - 2))
RECORDS = 200_000  # before the outage, and again during it
RSS_BYTES_MAX = 192 << 20  # runtime.memory
IDLE_S = 30
IDLE_SHARE_MAX = 0.005

pytestmark = [pytest.mark.long, pytest.mark.timeout(900)]


def create_topics(kafka: Kafka, topics: int, partitions: int) -> list[str]:
    admin = kafka.admin()
    names = [f"many-{topics}x{partitions}-{index}" for index in range(topics)]
    for future in admin.create_topics([NewTopic(name, partitions, 1) for name in names], request_timeout=120).values():
        future.result(120)
    wait_until(lambda: all(kafka.has_leaders(admin, name, partitions) for name in names), 120, "every partition has a leader")
    return names


def send(kafka: Kafka, topics: list[str], partitions: int):
    """RECORDS in turn to each partition of each topic."""
    producer = Producer({"bootstrap.servers": kafka.bootstrap, "linger.ms": 50, "enable.idempotence": True})
    failed = []
    places = itertools.cycle(itertools.product(range(partitions), topics))
    for partition, topic in itertools.islice(places, RECORDS):
        while True:
            try:
                producer.produce(topic, VALUE, partition=partition, on_delivery=lambda error, _: error and failed.append(error))
                break
            except BufferError:
                producer.poll(0.1)
        producer.poll(0)
    assert producer.flush(120) == 0 and not failed


@pytest.mark.parametrize("topics, partitions", [(1, 1), (1, 1000), (200, 5)])
def test_memory_and_idling(binary, kafka, azurite, tmp_path, topics, partitions):
    names = create_topics(kafka, topics, partitions)
    container = azurite.create_container()
    config = merged(base_config(tmp_path, names, kafka.bootstrap, azurite.sink(container)), {
        "source": {"group": f"many-{topics}x{partitions}"}, "batch": {"max_age": "10s"}, "stage": {"max_bytes": "4GiB"}})
    config["source"]["librdkafka"] = {}  # nothing hurried: what a user has
    with Penstock(tmp_path / "penstock", config) as penstock:
        penstock.start()
        wait_until(lambda: penstock.metric("penstock_assigned_partitions") == topics * partitions, 60, "an assignment")
        send(kafka, names, partitions)
        wait_until(lambda: landed_records(azurite, container) == RECORDS, 180, "all landed", 1)
        before = penstock.peak_rss_bytes

        time.sleep(5)
        began, used = time.monotonic(), cpu_seconds(penstock.service.pid)
        time.sleep(IDLE_S)
        idle = (cpu_seconds(penstock.service.pid) - used) / (time.monotonic() - began)

        azurite.stop()
        send(kafka, names, partitions)
        penstock.wait_metric("penstock_records_received_total", 2 * RECORDS, timeout_s=120)
        time.sleep(15)  # what is open is sealed, and its uploads fail
        azurite.start()
        wait_until(lambda: landed_records(azurite, container) == 2 * RECORDS, 240, "all landed after the outage", 1)
        after = penstock.peak_rss_bytes
        assert penstock.terminate(120) == 0
    print(f"\n{topics} topics, {topics * partitions} partitions: peak RSS {before / 2**20:.0f} MiB, with an outage "
          f"{after / 2**20:.0f} MiB; idle {idle:.2%} of a core")
    lines = Counter(line for file in files_of(azurite, container) for line in file.lines)
    assert lines == {VALUE: 2 * RECORDS}, f"{lines.total()} lines, {len(lines)} kinds of them"
    assert after <= RSS_BYTES_MAX
    assert idle < IDLE_SHARE_MAX


FILES = 50_000
GOES_ON = 8_000  # files after the outage: more than have waited
PLAN_BYTES = 192 << 20  # the default of runtime.memory
BACKLOG_BYTES = 8 << 20  # config::k_backlog_bytes
BATCH_BYTES = 2048 + 160  # pipeline::k_sealed_batch_bytes, and a share


def test_an_outage_in_which_every_record_is_a_file(binary, kafka, azurite, tmp_path):
    """50,000 files' worth of records: as many batches are sealed as the memory plan has room for, the others wait in Kafka,
    and waiting costs nothing."""
    topic, partitions = "file-a-record", 8
    admin = kafka.admin()
    admin.create_topics([NewTopic(topic, partitions, 1)])[topic].result(60)
    wait_until(lambda: kafka.has_leaders(admin, topic, partitions), 60, "every partition has a leader")
    config = merged(base_config(tmp_path, [topic], kafka.bootstrap, azurite.sink(azurite.create_container())),
                    {"source": {"group": topic}, "batch": {"max_bytes": "1KiB", "group_by": "partition"}})
    with Penstock(tmp_path / "penstock", config) as penstock:
        penstock.start()
        wait_until(lambda: penstock.metric("penstock_assigned_partitions") == partitions, 60, "an assignment")
        azurite.stop()
        before = penstock.peak_rss_bytes
        producer = Producer({"bootstrap.servers": kafka.bootstrap, "linger.ms": 50, "queue.buffering.max.messages": 2 * FILES})
        for index in range(FILES):
            producer.produce(topic, b"x" * 908, partition=index % partitions)
        assert producer.flush(120) == 0

        most = BACKLOG_BYTES // BATCH_BYTES + 1
        wait_until(lambda: penstock.metric("penstock_publishing_batches") >= most - partitions, 120, "the backlog is full", 1)
        time.sleep(5)
        began, used = time.monotonic(), cpu_seconds(penstock.service.pid)
        time.sleep(IDLE_S)
        share = (cpu_seconds(penstock.service.pid) - used) / (time.monotonic() - began)
        batches, grown = penstock.metric("penstock_publishing_batches"), penstock.peak_rss_bytes - before
        received = penstock.metric("penstock_records_received_total")
        azurite.start()
        landed, used = penstock.metric("penstock_topic_blobs_total"), cpu_seconds(penstock.service.pid)
        wait_until(lambda: penstock.metric("penstock_topic_blobs_total") >= landed + GOES_ON, 600, "it goes on", 1)
        files = penstock.metric("penstock_topic_blobs_total") - landed
        cpu_us = (cpu_seconds(penstock.service.pid) - used) / files * 1e6
        peak = penstock.peak_rss_bytes
    print(f"\n{batches:.0f} batches wait, {grown / batches:.0f} bytes each with the memory that was not in use before; "
          f"{share:.2%} of a core meanwhile; afterwards {cpu_us:.0f} us of CPU a file; peak RSS {peak / 2**20:.0f} MiB")
    assert batches <= most
    assert received < FILES
    assert share < 4 * IDLE_SHARE_MAX  # uploads are tried again
    assert peak <= PLAN_BYTES
