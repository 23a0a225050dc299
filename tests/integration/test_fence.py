"""What comes between an assignment and its first claims, and what comes after a commit that nobody waits for any more."""

import struct
import time

import pytest
from confluent_kafka import Consumer, Producer, TopicPartition

from harness.deployment import is_claim, landed_by_last_line, wait_not_ready, wait_said
from harness.fault_proxy import Fault, is_blob_commit
from harness.kafka import Kafka
from harness.kafka_proxy import KafkaProxy
from harness.penstock import merged, run_command
from harness.service import wait_until


def change_entry(kafka: Kafka, group: str, topic: str, offset: int):
    """Under the members' feet: what comes with a transaction is not held against the group's generation."""
    outsider = Consumer({"bootstrap.servers": kafka.bootstrap, "group.id": group})
    producer = Producer({"bootstrap.servers": kafka.bootstrap, "transactional.id": f"outsider-of-{group}", "log_level": 0})
    producer.init_transactions(30)
    producer.begin_transaction()
    producer.send_offsets_to_transaction([TopicPartition(topic, 0, offset, "moved")], outsider.consumer_group_metadata(), 30)
    producer.commit_transaction(30)
    outsider.close()


class Neighbour:
    """Another member of the group, which commits nothing."""

    def __init__(self, kafka: Kafka, group: str, topic: str):
        self._consumer = Consumer({"bootstrap.servers": kafka.bootstrap, "group.id": group, "enable.auto.commit": False,
                                   "partition.assignment.strategy": "range", "session.timeout.ms": 6000,
                                   "auto.offset.reset": "latest"})
        self._consumer.subscribe([topic])

    def stay(self, seconds: float):
        until = time.monotonic() + seconds
        while time.monotonic() < until:
            self._consumer.poll(0.1)

    def leave(self):
        self._consumer.close()


def test_an_entry_that_changed_at_the_fence_while_a_second_member_comes(deployment, kafka):
    """The fence is read while the partitions are being asked back."""
    deployed = deployment(kafka)
    topic = kafka.create_topic(2)
    deployed.send(topic, 2, 50)
    kafka.set_entries(deployed.group, [TopicPartition(topic, partition, 0) for partition in range(2)])
    penstock = deployed.penstock(deployed.config([topic], {"source": {"fence_wait": "5s", "instance": "none"}}))
    penstock.service.start()
    wait_said(penstock, "partitions assigned")
    penstock.wait_metric("penstock_records_received_total", 100)
    change_entry(kafka, deployed.group, topic, 0)
    neighbour = Neighbour(kafka, deployed.group, topic)
    neighbour.stay(10)
    neighbour.leave()
    assert penstock.service.running, penstock.output[-3000:]
    deployed.wait_landed(40)
    assert penstock.terminate() == 0
    penstock.assert_did_not_crash()
    deployed.assert_exactly()
    deployed.assert_finished(topic, {0: 50, 1: 50})


def test_what_was_read_twice_is_told_once(deployment, kafka):
    """An entry that changed at the fence: what was read is dropped, and read again from where the entry says."""
    deployed = deployment(kafka)
    topic = kafka.create_topic(1)
    deployed.send_uncounted(topic, 1, 40)
    deployed.send(topic, 1, 53)
    kafka.set_entries(deployed.group, [TopicPartition(topic, 0, 0)])
    penstock = deployed.penstock(deployed.config([topic], {"source": {"fence_wait": "5s"}}))
    penstock.service.start()
    wait_said(penstock, "partitions assigned")
    penstock.wait_metric("penstock_records_received_total", 93)
    change_entry(kafka, deployed.group, topic, 40)
    deployed.wait_landed()
    assert penstock.metric("penstock_topic_records_total", topic=topic) == 53
    assert penstock.terminate() == 0
    deployed.assert_exactly()
    assert landed_by_last_line(penstock) == (53, 1)


def test_nothing_is_published_for_ten_seconds_after_an_assignment(deployment, kafka):
    """By default."""
    deployed = deployment(kafka)
    topic = kafka.create_topic(1)
    deployed.send(topic, 1, 50)
    config = deployed.config([topic])
    del config["source"]["fence_wait"]
    penstock = deployed.penstock(config)
    penstock.service.start()
    wait_said(penstock, "partitions assigned")
    assigned = time.monotonic()
    penstock.wait_metric("penstock_records_received_total", 50, 8)  # reading does not wait
    wait_until(deployed.landed, 30, "a file")
    assert time.monotonic() - assigned > 9.5
    deployed.wait_landed()
    assert penstock.terminate() == 0


def test_a_claim_for_another_sink_stops_the_partition_until_the_former_one_is_back(deployment, kafka, azurite, proxy):
    deployed = deployment(kafka, azurite)
    topic, free = kafka.create_topic(1), kafka.create_topic(1)
    config = deployed.config([topic, free], port=proxy.port)
    penstock = deployed.penstock(config).start()
    proxy.add(Fault(is_blob_commit, on_arrival=penstock.service.kill, reset=True))
    deployed.send(topic, 1, 10)
    wait_until(lambda: not penstock.service.running, 30, "killed between claim and blob")
    claim = deployed.entry(topic)
    assert is_claim(claim[1])
    elsewhere = deployed.penstock(merged(config, {"sink": azurite.sink(azurite.create_container(), proxy.port)}))
    elsewhere.service.start()
    wait_not_ready(elsewhere, topic, "has a pending claim of another sink", timeout_s=30)
    deployed.send_uncounted(free, 1, 10)
    elsewhere.wait_metric("penstock_blobs_published_total", 1)  # the others go on
    elsewhere.terminate()
    assert deployed.entry(topic) == claim, "it is as it was"
    deployed.assert_finished(free, {0: 10})
    former = deployed.penstock(config, "--exit-at-end")
    former.service.start()
    assert former.wait(60) == 0
    deployed.assert_exactly()
    deployed.assert_finished(topic, {0: 10})


@pytest.fixture(scope="module")
def proxied_node(tmp_path_factory):
    """A broker that all clients reach through a proxy."""
    proxy = KafkaProxy()
    node = Kafka(tmp_path_factory.mktemp("proxied"), advertised_listeners=f"PLAINTEXT://127.0.0.1:{proxy.port}")
    proxy.toward(node.port)
    node.format()
    node.start()
    yield node, proxy
    node.kill()
    proxy.close()


def test_a_commit_that_was_given_up_never_arrives(deployment, proxied_node):
    """The first claim of a batch stays on its way for longer than its writer waits. The writer repeats it, drops the batch
    as its claim came late, publishes another one with the same records and finishes it. Then the first claim arrives, with
    a stamp that is still good. It would put the entry back, and the next one would read again what is published."""
    node, proxy = proxied_node
    deployed = deployment(node)
    topic = node.create_topic(1)
    penstock = deployed.penstock(deployed.config([topic])).start()
    deployed.send(topic, 1, 10)
    deployed.wait_landed()
    wait_until(lambda: deployed.entry(topic) and not is_claim(deployed.entry(topic)[1]), 20, "finished")
    proxy.keep_next_commit()
    deployed.send(topic, 1, 10)
    wait_until(lambda: proxy.keeping, 20, "a commit is on its way")
    wait_until(lambda: proxy.keeping.ended, 20, "its writer has given it up")
    deployed.wait_landed(40)

    def finished() -> bool:
        offset, metadata = deployed.entry(topic)
        return offset == 20 and not is_claim(metadata)
    wait_until(finished, 40, "the second batch is finished")
    proxy.deliver()
    time.sleep(2)
    assert finished(), f"the entry went back: {deployed.entry(topic)}"
    penstock.service.kill()
    again = deployed.penstock(penstock.config, "--exit-at-end")
    again.service.start()
    assert again.wait(60) == 0
    deployed.assert_exactly()
    assert proxy.keeping.ended == "reset"


def without_metadata(frame: bytes) -> bytes:
    """The answer to OffsetFetch, whose text is of 1,000 bytes, with none: a length in two bytes, or by one more as a varint."""
    text = b"penstock-check;" + b"x" * 985
    for length, none in ((b"\x03\xe8", b"\x00\x00"), (b"\xe9\x07", b"\x01")):
        frame = frame.replace(length + text, none)
    return struct.pack(">i", len(frame) - 4) + frame[4:]


def test_a_broker_that_loses_metadata_is_told_by_check(deployment, proxied_node):
    """Exactly-once rests on them."""
    node, proxy = proxied_node
    deployed = deployment(node)
    file = deployed.penstock(deployed.config([node.create_topic(1)])).file
    good = run_command("check", "--config", file)
    assert good.returncode == 0, good.stdout
    proxy.alter_answer = without_metadata
    done = run_command("check", "--config", file)
    assert done.returncode == 3, done.stdout + done.stderr
    assert "(0 of 1000 bytes came back)" in done.stdout and "write guarantee: at_least_once" in done.stdout
