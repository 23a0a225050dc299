"""Topics that are deleted and made anew, partitions and topics that appear later, and positions that the log has not."""

import time
from collections import Counter

import pytest
from confluent_kafka import TopicPartition

from harness.deployment import told, wait_not_ready, wait_said
from harness.lake import read_container
from harness.service import wait_until

ANEW = r"made anew"
# The library that is the member of the group looks for new topics after five minutes, unless it is told otherwise. What it
# finds sooner is a rebalance, and then the broker has forgotten the entry.
NO_REFRESH = {"topic.metadata.refresh.interval.ms": 300_000}


def landed_once(deployment, topic: str, records: int = 100, guarantee: str = "exactly_once", **source):
    """A running penstock that has landed so many records of the topic, and has nothing left to commit."""
    deployment.send(topic, 1, records)
    config = deployment.config([topic], {"guarantee": guarantee, "source": {**source, "librdkafka": NO_REFRESH}})
    penstock = deployment.penstock(config).start()
    deployment.wait_landed()
    wait_until(lambda: deployment.entry(topic)[0] == records, 10, "the entry is behind them")
    return penstock


@pytest.mark.parametrize("asleep", [True, False], ids=["while it sleeps", "while it looks on"])
def test_a_topic_made_anew_under_a_reader_stops_it(deployment, kafka, asleep):
    """The new log is soon longer than the old position, so a fetch there succeeds."""
    deployed = deployment(kafka)
    topic = kafka.create_topic(1)
    penstock = landed_once(deployed, topic)
    if asleep:
        penstock.service.suspend()
    kafka.delete_topic(topic)
    time.sleep(0 if asleep else 1)
    kafka.create_topic_named(topic, 1)
    deployed.send_uncounted(topic, 1, 150)
    if asleep:
        penstock.service.resume()
    wait_not_ready(penstock, topic, "made anew", timeout_s=20)
    wait_said(penstock, rf"{topic}.*{ANEW}")
    time.sleep(3)
    deployed.assert_exactly()  # the old ones alone: what follows the old position is not taken for the rest
    penstock.terminate(30)
    deployed.assert_exactly()


@pytest.mark.parametrize("asleep", [True, False], ids=["while it sleeps", "while it looks on"])
@pytest.mark.parametrize("records", [150, 30], ids=["longer", "shorter"])
def test_a_topic_made_anew_is_read_from_its_start_if_reading_is_to_go_on(deployment, kafka, azurite, records, asleep):
    deployed = deployment(kafka, azurite)
    topic = kafka.create_topic(1)
    penstock = landed_once(deployed, topic, on_data_loss="continue")
    before = kafka.topic_id(topic)
    if asleep:
        penstock.service.suspend()
    kafka.delete_topic(topic)
    time.sleep(0 if asleep else 1)
    kafka.create_topic_named(topic, 1)
    deployed.send(topic, 1, records)
    if asleep:
        penstock.service.resume()
    deployed.wait_landed(40)
    wait_said(penstock, rf"{topic}.*{ANEW}")
    assert "Set source.on_data_loss" not in penstock.output, "advice that is followed already"
    deployed.send(topic, 1, 20)
    deployed.wait_landed()
    assert penstock.get("/readyz")[0] == 200
    assert penstock.terminate() == 0
    deployed.assert_exactly()
    deployed.assert_finished(topic, {0: records + 20})
    ids = Counter(file.metadata.get("topicid") for file in read_container(azurite, deployed.container))
    assert set(ids) == {before, kafka.topic_id(topic)}, ids
    deployed.verify(penstock)


def test_a_lake_of_two_topics_of_one_name_is_well(deployment, kafka):
    """The first one's reader was stopped in time; the second begins anew, as its broker has forgotten the entry."""
    deployed = deployment(kafka)
    topic = kafka.create_topic(1)
    penstock = landed_once(deployed, topic)
    assert penstock.terminate() == 0
    kafka.make_anew(topic)
    deployed.send(topic, 1, 30)
    penstock.start()
    deployed.wait_landed()
    assert penstock.terminate() == 0
    deployed.assert_exactly()
    deployed.verify(penstock)


def made_anew_between_runs(deployed, topic: str, records: int, **options):
    """Ends the first run, and gives the entry back that the broker has forgotten with the topic: others keep it."""
    kafka = deployed.kafka
    penstock = landed_once(deployed, topic, instance="none", **options)
    assert penstock.terminate() == 0
    entry = kafka.entries(deployed.group, topic, [0])[0]
    kafka.make_anew(topic)
    lines = deployed.send_uncounted(topic, 1, records)
    kafka.write_entry(deployed.group, topic, 0, entry)
    return penstock, lines


@pytest.mark.parametrize("guarantee", ["exactly_once", "at_least_once"])
@pytest.mark.parametrize("bounded", [True, False], ids=["a bounded run", "the service"])
def test_a_topic_made_anew_between_two_runs_stops_the_second(deployment, kafka, bounded, guarantee):
    deployed = deployment(kafka)
    topic = kafka.create_topic(1)
    penstock, _ = made_anew_between_runs(deployed, topic, 150, guarantee=guarantee)
    if bounded:
        penstock = deployed.penstock(penstock.config, "--exit-at-end")
        penstock.service.start()
        assert penstock.wait(60) == 1
        wait_said(penstock, rf"{topic}.*{ANEW}", 1)
    else:
        penstock.service.start()
        wait_not_ready(penstock, topic, "made anew", timeout_s=30)
        penstock.terminate(30)
    deployed.assert_exactly()


def test_a_topic_made_anew_between_two_runs_is_read_from_its_start_if_reading_is_to_go_on(deployment, kafka):
    deployed = deployment(kafka)
    topic = kafka.create_topic(1)
    penstock, lines = made_anew_between_runs(deployed, topic, 150, on_data_loss="continue")
    deployed.sent.update(lines)
    penstock.service.start()
    deployed.wait_landed()
    assert penstock.terminate() == 0
    deployed.assert_exactly()
    deployed.verify(penstock)


def test_a_position_behind_the_logs_end_is_left_if_reading_is_to_go_on(deployment, kafka):
    """Somebody wrote 100 into the group; the log has five records. Whether these are taken is left open."""
    deployed = deployment(kafka)
    topic = kafka.create_topic(1)
    early = deployed.send_uncounted(topic, 1, 5)
    kafka.set_entries(deployed.group, [TopicPartition(topic, 0, 100)])
    penstock = deployed.penstock(deployed.config([topic], {"source": {"on_data_loss": "continue"}})).start()
    wait_said(penstock, rf"{topic}.*\b100\b")
    time.sleep(1)
    late = Counter(deployed.send_uncounted(topic, 1, 20))
    wait_until(lambda: not late - deployed.landed(), 30, "what came later landed")
    assert penstock.get("/readyz")[0] == 200
    assert penstock.terminate() == 0
    landed = deployed.landed()
    assert landed in (late, late + Counter(early)), told(landed)
    assert "Set source.on_data_loss" not in penstock.output, "advice that is followed already"


def latest(deployed, topics: list[str]):
    """A running penstock of a new group that begins at the ends."""
    return deployed.penstock(deployed.config(topics, {"source": {
        "start": "latest", "librdkafka": {"topic.metadata.refresh.interval.ms": 5000}}})).start()


def test_partitions_that_are_added_begin_at_their_start(deployment, kafka):
    """source.start is `latest`, which is for a new group. Producers write to a partition long before it is noticed."""
    deployed = deployment(kafka)
    topic = kafka.create_topic(1)
    deployed.send_uncounted(topic, 1, 10)
    penstock = latest(deployed, [topic])
    wait_until(lambda: deployed.entry(topic)[0] == 10, 20, "the first partition's start is committed")
    deployed.send(topic, 1, 30)
    deployed.wait_landed()
    kafka.add_partitions(topic, 3)
    deployed.send(topic, 3, 30)
    wait_until(lambda: penstock.metric("penstock_assigned_partitions") == 3, 60, "three partitions")
    deployed.send(topic, 3, 5)
    deployed.wait_landed(20)
    assert penstock.terminate() == 0
    deployed.assert_exactly()
    deployed.assert_finished(topic, {0: 75, 1: 35, 2: 35})


def test_partitions_that_were_added_while_it_was_off_begin_at_their_start(deployment, kafka):
    deployed = deployment(kafka)
    topic = kafka.create_topic(1)
    penstock = latest(deployed, [topic])
    wait_until(lambda: deployed.entry(topic)[0] == 0, 20, "the first partition's start is committed")
    assert penstock.terminate() == 0
    kafka.add_partitions(topic, 2)
    deployed.send(topic, 2, 30)
    penstock.start()
    deployed.wait_landed()
    assert penstock.terminate() == 0
    deployed.assert_exactly()


def test_a_topic_that_an_expression_finds_later_begins_at_its_start(deployment, kafka):
    deployed = deployment(kafka)
    first = kafka.create_topic(1)
    deployed.send_uncounted(first, 1, 10)
    config = deployed.config([], {"source": {"start": "latest", "topics_regex": f"^{first}(-later)?$",
                                             "librdkafka": {"topic.metadata.refresh.interval.ms": 5000}}})
    del config["source"]["topics"]
    penstock = deployed.penstock(config).start()
    wait_until(lambda: deployed.entry(first)[0] == 10, 20, "the first topic's start is committed")
    kafka.create_topic_named(f"{first}-later", 1)
    deployed.send(f"{first}-later", 1, 40)
    wait_until(lambda: penstock.metric("penstock_assigned_partitions") == 2, 60, "two partitions")
    deployed.send(f"{first}-later", 1, 5)
    deployed.wait_landed(20)
    assert penstock.terminate() == 0
    deployed.assert_exactly()


@pytest.mark.both_sources
@pytest.mark.parametrize("on_data_loss", ["stop", "continue"])
def test_a_bounded_run_does_not_take_a_position_above_the_log_for_its_end(deployment, kafka, fetch, on_data_loss):
    """As after an unclean election between two runs, or by an entry that somebody has set."""
    deployed = deployment(kafka)
    topic = kafka.create_topic(1)
    kafka.set_entries(deployed.group, [TopicPartition(topic, 0, 100)])
    guarantee = "exactly_once" if fetch == "direct" else "at_least_once"
    config = deployed.config([topic], {"guarantee": guarantee, "source": {
        "on_data_loss": on_data_loss, "instance": "none", "fetch": fetch}})
    if on_data_loss == "continue":
        deployed.send(topic, 1, 5)
    else:
        deployed.send_uncounted(topic, 1, 5)
    penstock = deployed.penstock(config, "--exit-at-end")
    penstock.service.start()
    assert penstock.wait(90) == (1 if on_data_loss == "stop" else 0), penstock.output[-3000:]
    wait_said(penstock, rf"{topic}.*position 100", 1)
    deployed.assert_exactly()
