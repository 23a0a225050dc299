"""A log that lost its end, and has grown past the old end again: a fetch at the old position succeeds, and skips records."""

from collections import Counter

import pytest

from harness.deployment import told, wait_not_ready
from harness.kafka import Kafka
from harness.service import wait_until


@pytest.fixture(scope="module")
def nodes(tmp_path_factory):
    directory = tmp_path_factory.mktemp("three")
    nodes = [Kafka(directory / "1")]
    nodes += [Kafka(directory / str(number), first=nodes[0], node_id=number) for number in (2, 3)]
    for node in nodes:
        node.format()
        node.start()
        nodes[0].entries("any", "any", [0])  # groups are asked for while the first is alone, so it holds them all
    yield nodes
    for node in reversed(nodes):
        node.kill()


@pytest.fixture
def three_nodes(nodes):
    """The first is the controller and holds the group. The other two have the topic's partition."""
    for node in nodes:
        node.start()  # one that the test before has killed
    wait_until(lambda: len(nodes[0].admin().list_topics(timeout=10).brokers) == 3, 60, "three brokers")
    return nodes


@pytest.mark.parametrize("on_data_loss", ["stop", "continue"])
def test_a_log_that_was_cut_is_noticed(deployment, three_nodes, on_data_loss):
    """A broker that was away becomes the leader without what the other one had meanwhile: 100 records fewer. Then 150 others
    are written there."""
    first, second, third = three_nodes
    deployed = deployment(first)
    topic = first.create_topic(1, replicas=[[2, 3]], unclean_leader_election_enable="true", min_insync_replicas=1)
    penstock = deployed.penstock(deployed.config([topic], {"source": {
        "on_data_loss": on_data_loss, "librdkafka": {"topic.metadata.refresh.interval.ms": 300_000}}})).start()
    deployed.send(topic, 1, 100)
    deployed.wait_landed()
    third.kill()
    wait_until(lambda: in_sync(first, topic) == [2], 30, "the third broker is out")
    deployed.send(topic, 1, 100)
    deployed.wait_landed()
    wait_until(lambda: deployed.entry(topic)[0] == 200, 10, "all is committed")
    second.kill()
    third.start()
    wait_until(lambda: first.leaders(topic) == [3], 60, "the third broker leads")
    assert first.log_ends(topic, 1) == {0: 100}
    before = deployed.landed()
    later = Counter(deployed.send_uncounted(topic, 1, 150))
    if on_data_loss == "stop":
        wait_not_ready(penstock, topic, timeout_s=40)
        assert deployed.landed() == before, f"landed from the old position: {told(deployed.landed() - before)}"
        penstock.terminate(30)
        assert deployed.landed() == before
    else:
        wait_until(lambda: not later - deployed.landed(), 60, "what is in the log and was not landed yet landed")
        assert penstock.terminate() == 0
        landed = deployed.landed()
        assert all(landed[line] == 1 for line in later), "each of them once"
        assert not before - landed


def in_sync(node: Kafka, topic: str) -> list[int]:
    return node.admin().list_topics(topic, timeout=10).topics[topic].partitions[0].isrs
