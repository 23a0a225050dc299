"""What a broker refuses for one partition stops that partition, and nothing else."""

import json
import time
from collections import Counter

import pytest

from harness.deployment import is_claim, landed_by_last_line, wait_not_ready, wait_said
from harness.fault_proxy import Fault, is_blob_commit
from harness.kafka import AUTHORIZER, Kafka
from harness.service import wait_until, within

METADATA_BYTES_MAX = 200
RIGHT_IS_TRIED_AGAIN_S = 30
# A topic that is noticed to be gone is a rebalance, which ends what was refused.
NO_REFRESH = {"topic.metadata.refresh.interval.ms": 300_000}


@pytest.fixture(scope="module")
def strict_node(tmp_path_factory) -> Kafka:
    """A broker that knows rights, and takes only short metadata with a commit."""
    node = Kafka(tmp_path_factory.mktemp("strict"), **AUTHORIZER, offset_metadata_max_bytes=METADATA_BYTES_MAX)
    node.format()
    node.start()
    yield node
    node.kill()


def long_topic(node: Kafka) -> str:
    """One whose claims this broker refuses: the blob's name, which has the topic's twice, is in them."""
    name = node.fresh_name() + "-" + "t" * 120
    node.create_topic_named(name, 1)
    return name


def assert_ends(penstock, within_s: float = 30) -> int:
    with within(within_s, "the stop"):
        code = penstock.terminate(60)
    assert code in (0, 1)
    return code


# Starts that are to be committed

@pytest.mark.parametrize("why", ["deleted", "not allowed"])
def test_a_start_that_is_refused_keeps_no_other_topic_waiting(deployment, strict_node, why):
    """With `latest` a partition's start is committed before its first claim, after the fence."""
    deployed = deployment(strict_node)
    good, bad = strict_node.create_topic(1), strict_node.create_topic(1)
    if why == "not allowed":
        strict_node.let_all_but_read(bad)
    penstock = deployed.penstock(deployed.config([good, bad], {
        "source": {"start": "latest", "fence_wait": "4s", "librdkafka": NO_REFRESH}}))
    penstock.service.start()
    wait_said(penstock, "partitions assigned")
    if why == "deleted":
        strict_node.delete_topic(bad)
    wait_until(lambda: strict_node.entries(deployed.group, good, [0])[0].offset == 0, 30, "the good topic's start is committed")
    for _ in range(3):
        deployed.send(good, 1, 20)
        deployed.wait_landed(20)
    wait_not_ready(penstock, bad)
    assert_ends(penstock)
    deployed.assert_exactly()
    deployed.assert_finished(good, {0: 60})


# Claims

def test_a_claim_that_is_refused_for_good_keeps_no_other_topic_waiting(deployment, strict_node):
    """As a service: the one stops, in a sentence; each round of the others lands."""
    deployed = deployment(strict_node)
    bad, good = long_topic(strict_node), strict_node.create_topic(1)
    penstock = deployed.penstock(deployed.config([bad, good])).start()
    deployed.send_uncounted(bad, 1, 100)
    for _ in range(6):
        deployed.send(good, 1, 50)
        time.sleep(1)
    deployed.wait_landed(20)
    wait_not_ready(penstock, bad)
    fetched = penstock.metric("penstock_records_received_total")
    time.sleep(5)
    assert penstock.metric("penstock_records_received_total") == fetched, "what is refused is read again and again"
    assert_ends(penstock)
    deployed.assert_exactly()
    assert landed_by_last_line(penstock)[0] == 300


def test_a_bounded_run_whose_claims_are_refused_is_no_success(deployment, strict_node):
    deployed = deployment(strict_node)
    bad = long_topic(strict_node)
    deployed.send_uncounted(bad, 1, 100)
    summary = deployed.directory / "summary.json"
    penstock = deployed.penstock(deployed.config([bad]), "--exit-at-end", "--summary", str(summary))
    penstock.service.start()
    assert penstock.wait(90) == 1, penstock.output
    wait_said(penstock, bad, 1)
    assert landed_by_last_line(penstock) == (0, 0)
    told = json.loads(summary.read_text())
    assert (told["records"], told["blobs"]) == (0, 0), told
    deployed.assert_exactly()  # nothing


def test_a_bounded_run_lands_the_other_topics_beside_a_refused_one(deployment, strict_node):
    deployed = deployment(strict_node)
    bad, good = long_topic(strict_node), strict_node.create_topic(2)
    deployed.send_uncounted(bad, 1, 100)
    deployed.send(good, 2, 500)
    penstock = deployed.penstock(deployed.config([bad, good]), "--exit-at-end")
    penstock.service.start()
    assert penstock.wait(90) == 1, penstock.output
    deployed.assert_exactly()
    deployed.assert_finished(good, {0: 500, 1: 500})


# Finishes

def both_claimed(deployed, proxy, topics: list[str]):
    """A running penstock with one batch of each topic claimed and none published: the store is busy, until clear()."""
    proxy.add(Fault(is_blob_commit, count=10**9, status=503))
    penstock = deployed.penstock(deployed.config(topics, {"source": {"librdkafka": NO_REFRESH}}, proxy.port)).start()
    for topic in topics:
        deployed.send(topic, 1, 10)
    for topic in topics:
        wait_until(lambda topic=topic: is_claim(deployed.entry(topic)[1]), 30, f"{topic} is claimed")
    return penstock


def test_a_finish_that_is_refused_is_given_up(deployment, strict_node, azurite, proxy):
    """The topic is deleted between a batch's claim and its publication. Whether that batch lands is left open."""
    deployed = deployment(strict_node, azurite)
    good, gone = strict_node.create_topic(1), strict_node.create_topic(1)
    penstock = both_claimed(deployed, proxy, [good, gone])
    strict_node.delete_topic(gone)
    proxy.clear()

    def finished() -> bool:
        offset, metadata = deployed.entry(good)
        return offset == 10 and not is_claim(metadata)
    wait_until(finished, 30, "the good topic's batch is finished")
    time.sleep(2)
    assert_ends(penstock, 45)
    landed = deployed.landed()
    assert not landed - deployed.sent
    assert sum(count for line, count in landed.items() if line.startswith(good.encode() + b"/")) == 10


def test_a_finish_that_a_refused_claim_was_to_carry_is_made(deployment, strict_node, azurite, proxy):
    """Exit 0 says that everything that was read is published and committed: no claim is pending then."""
    deployed = deployment(strict_node, azurite)
    topic = strict_node.create_topic(1)
    penstock = both_claimed(deployed, proxy, [topic])
    deployed.send(topic, 1, 7)
    penstock.wait_metric("penstock_records_received_total", 17)
    time.sleep(2)  # the second batch is full of age, and waits for the first
    strict_node.let_all_but_read(topic)
    proxy.clear()
    wait_until(lambda: sum(deployed.landed().values()) >= 10, 30, "the first batch is published")
    time.sleep(2)  # the second's claim is refused
    strict_node.let_read(topic)
    code = penstock.terminate(60)
    offset, metadata = deployed.entry(topic)
    landed = sum(deployed.landed().values())
    assert code == 1 or (not is_claim(metadata) and offset == landed), f"exit {code} with {landed} landed, ({offset}, {metadata!r})"
    again = deployed.penstock(penstock.config, "--exit-at-end")
    again.service.start()
    assert again.wait(60) == 0
    deployed.assert_exactly()
    deployed.assert_finished(topic, {0: 17})


# Rights

def test_a_right_that_is_missing_for_a_while_stops_nothing_for_good(deployment, strict_node):
    deployed = deployment(strict_node)
    good, other = strict_node.create_topic(1), strict_node.create_topic(1)
    penstock = deployed.penstock(deployed.config([good, other])).start()
    for topic in (good, other):
        deployed.send(topic, 1, 20)
    deployed.wait_landed()
    strict_node.let_all_but_read(other)
    deployed.send(other, 1, 1)  # answers the fetch that waits
    wait_not_ready(penstock, other, timeout_s=20)
    deployed.send(good, 1, 20)
    deployed.send(other, 1, 20)
    of_good = Counter(line for line in deployed.sent if line.startswith(good.encode() + b"/"))
    wait_until(lambda: not of_good - deployed.landed(), 20, "the good topic goes on")
    strict_node.let_read(other)
    deployed.wait_landed(RIGHT_IS_TRIED_AGAIN_S + 20)
    wait_until(lambda: penstock.get("/readyz")[0] == 200, 10, "ready again")
    assert penstock.terminate() == 0
    deployed.assert_exactly()
    deployed.assert_finished(good, {0: 40})
    deployed.assert_finished(other, {0: 41})


@pytest.mark.parametrize("fetch", ["direct", "librdkafka"])
def test_no_right_to_the_group_ends_it_in_a_sentence(deployment, strict_node, fetch):
    deployed = deployment(strict_node)
    topic = strict_node.create_topic(1)
    deployed.send_uncounted(topic, 1, 10)
    strict_node.let_nobody_join(deployed.group)
    penstock = deployed.penstock(deployed.config([topic], {"source": {"fetch": fetch}}))
    penstock.service.start()
    penstock.ends_with(1, deployed.group, "give this identity the right to use the group named in source.group")
    deployed.assert_exactly()  # nothing


def test_no_right_to_a_topic_ends_a_bounded_run_in_a_sentence(deployment, strict_node):
    deployed = deployment(strict_node)
    good, bad = strict_node.create_topic(1), strict_node.create_topic(1)
    deployed.send_uncounted(bad, 1, 10)
    strict_node.let_nobody_see(bad)
    penstock = deployed.penstock(deployed.config([good, bad]), "--exit-at-end")
    penstock.service.start()
    penstock.ends_with(1, bad)
    deployed.assert_exactly()  # nothing


# Metadata of the blob itself

def test_spans_that_were_lost_do_not_outgrow_a_blobs_metadata(deployment, kafka, azurite):
    """Retention is quicker than the reader, again and again within one batch, in each of 150 partitions. A blob's
    metadata have 8 KiB."""
    deployed = deployment(kafka, azurite)
    partitions = 150
    topic = kafka.create_topic(partitions)
    # A member that the group gives up drops its batch, and what was deleted since cannot be read again: it stays a member.
    penstock = deployed.penstock(deployed.config([topic], {
        "source": {"on_data_loss": "continue", "librdkafka": {"session.timeout.ms": 120_000}},
        "batch": {"max_age": "25s"}})).start()
    perhaps = Counter()  # what was fetched before it was lost
    for _ in range(6):
        penstock.service.suspend()
        time.sleep(0.2)
        perhaps.update(deployed.send_uncounted(topic, partitions, 1))  # answers the fetch that waits
        time.sleep(0.3)
        perhaps.update(deployed.send_uncounted(topic, partitions, 2))
        kafka.delete_records_before(topic, kafka.log_ends(topic, partitions))
        deployed.send(topic, partitions, 1)
        penstock.service.resume()
        ends = sum(kafka.log_ends(topic, partitions).values())
        wait_until(lambda: "penstock_partition_position_offset{" in penstock.get("/metrics")[1]  # it may be joining anew
                   and penstock.metric("penstock_partition_position_offset", topic=topic) == ends, 20,
                   "all that is left was read")
    assert penstock.metric("penstock_lost_positions_total") >= 6 * partitions
    wait_until(lambda: not deployed.sent - deployed.landed(), 60, "what was not lost landed", 0.5)
    assert penstock.terminate() == 0
    landed = deployed.landed()
    assert not deployed.sent - landed
    assert not landed - deployed.sent - perhaps, "landed twice"
