"""What is missing holds up itself alone, is named by /readyz, and is taken up when it comes. What does not answer shows."""

import json
import re
import signal
import time
from collections import Counter

import pytest

from harness.deployment import wait_not_ready, wait_said
from harness.fault_proxy import Fault, is_blob_commit
from harness.kafka import Kafka
from harness.penstock import run_command
from harness.service import wait_until, within

NOTICED_WITHIN_S = 15


@pytest.fixture(scope="module")
def pair_nodes(tmp_path_factory):
    directory = tmp_path_factory.mktemp("pair")
    settings = {"auto_leader_rebalance_enable": "false", "offsets_topic_replication_factor": 2}
    first = Kafka(directory / "1", **settings)
    second = Kafka(directory / "2", first=first, node_id=2, **settings)
    first.format()
    second.format()
    yield first, second
    second.kill()
    first.kill()


@pytest.fixture
def pair(pair_nodes):
    """Two brokers; the second may go away, since the first is the controller and can lead all that is on both."""
    first, second = pair_nodes
    first.start()
    second.start()
    wait_until(lambda: len(first.admin().list_topics(timeout=10).brokers) == 2, 60, "two brokers")
    return first, second


# Leaders

@pytest.mark.parametrize("group", ["new", "known"])
def test_a_partition_without_a_leader_holds_up_no_other(deployment, pair, group):
    first, second = pair
    deployed = deployment(first)
    topic = first.create_topic(3, replicas=[[1], [2], [1]])
    config = deployed.config([topic])
    if group == "known":
        deployed.send(topic, 3, 10)
        earlier = deployed.penstock(config, "--exit-at-end")
        earlier.service.start()
        assert earlier.wait(60) == 0
    deployed.send(topic, 3, 30)
    second.kill()
    wait_until(lambda: first.leaders(topic)[1] == -1, 30, "one partition has no leader")
    penstock = deployed.penstock(config)
    penstock.service.start()
    of_others = Counter(line for line in deployed.sent if b"/1/" not in line)
    wait_until(lambda: not of_others - deployed.landed(), 40, "the partitions with a leader land", 0.3)
    wait_not_ready(penstock, topic)
    assert re.search(rf"{topic}\D+1\b", penstock.get("/readyz")[1]), penstock.get("/readyz")
    second.start()
    deployed.wait_landed(60)
    wait_until(lambda: penstock.get("/readyz")[0] == 200, 20, "ready")
    assert penstock.terminate() == 0
    deployed.assert_exactly()


def test_a_bounded_run_does_not_end_well_without_a_partitions_leader(deployment, pair):
    first, second = pair
    deployed = deployment(first)
    topic = first.create_topic(2, replicas=[[1], [2]])
    deployed.send(topic, 2, 30)
    second.kill()
    wait_until(lambda: first.leaders(topic)[1] == -1, 30, "one partition has no leader")
    penstock = deployed.penstock(deployed.config([topic]), "--exit-at-end")
    penstock.service.start()
    assert penstock.wait(120) == 1
    wait_said(penstock, rf"{topic}\D+1\b", 1)


def test_the_broker_that_is_named_goes_away_and_the_others_are_asked(deployment, pair):
    """Killed: it tells nobody. Its partitions, and the group's coordinator, move to the other one within some seconds."""
    first, second = pair
    deployed = deployment(first)
    topic = first.create_topic(2, replicas=[[2, 1], [1, 2]])
    penstock = deployed.penstock(deployed.config([topic], {"source": {"brokers": [second.bootstrap]}})).start()
    deployed.send(topic, 2, 50)
    deployed.wait_landed()
    assert first.leaders(topic) == [2, 1]
    second.kill()
    wait_until(lambda: first.leaders(topic) == [1, 1], 30, "the other one leads")
    deployed.send(topic, 2, 50)
    deployed.wait_landed(30)
    assert penstock.terminate() == 0
    deployed.assert_exactly()
    deployed.assert_finished(topic, {0: 100, 1: 100})


# Topics

def test_a_topic_that_does_not_exist_yet_holds_up_no_other(deployment, kafka):
    deployed = deployment(kafka)
    topic, later = kafka.create_topic(1), kafka.fresh_name()
    penstock = deployed.penstock(deployed.config([topic, later]))
    penstock.service.start()
    deployed.send(topic, 1, 30)
    deployed.wait_landed()
    wait_not_ready(penstock, later)
    wait_said(penstock, later, 1)
    kafka.create_topic_named(later, 1)
    deployed.send(later, 1, 30)
    deployed.wait_landed(60)
    wait_until(lambda: penstock.get("/readyz")[0] == 200, 20, "ready")
    assert penstock.terminate() == 0
    deployed.assert_exactly()


def matching_nothing_yet(deployed, later: str) -> dict:
    config = deployed.config([], {"source": {"topics_regex": f"^{later}$"}})
    del config["source"]["topics"]
    return config


@pytest.mark.parametrize("fetch", ["direct", "librdkafka"])
def test_a_service_whose_expression_matches_nothing_yet_is_ready_and_says_so(deployment, kafka, fetch):
    deployed = deployment(kafka)
    later = kafka.fresh_name()
    config = matching_nothing_yet(deployed, later)
    config["source"]["fetch"] = fetch
    penstock = deployed.penstock(config)
    penstock.service.start()
    wait_until(lambda: penstock.get("/readyz")[0] == 200, 30, "ready")
    note = f'no topic matches source.topics_regex "^{later}$" yet'
    assert penstock.get("/readyz")[1].startswith(f"ok: {note}")
    assert f"ready: {note}" in run_command("status", penstock.file).stdout
    time.sleep(12)  # longer than between two looks
    assert penstock.service.running, penstock.output
    said = [line for line in penstock.output.splitlines() if "no topic matches" in line]
    assert len(said) == 1 and " info " in said[0], penstock.output
    assert later not in "".join(line for line in penstock.output.splitlines() if " warning " in line), penstock.output
    kafka.create_topic_named(later, 1)
    deployed.send(later, 1, 30)
    deployed.wait_landed(60)
    wait_until(lambda: penstock.get("/readyz") == (200, "ok\n"), 20, "ready, without a note")
    assert penstock.terminate() == 0
    deployed.assert_exactly()


def test_a_bounded_run_whose_expression_matches_nothing_yet_has_nothing_to_read(deployment, kafka):
    deployed = deployment(kafka)
    later = kafka.fresh_name()
    penstock = deployed.penstock(matching_nothing_yet(deployed, later))
    with within(40, "it waits for nothing"):
        done = run_command("run", "--config", penstock.file, "--exit-at-end", "--summary", deployed.directory / "totals.json")
    assert done.returncode == 0, done.stdout + done.stderr
    assert json.loads((deployed.directory / "totals.json").read_text())["records"] == 0
    assert f'no topic matches source.topics_regex "^{later}$" yet' in done.stdout + done.stderr
    kafka.create_topic_named(later, 1)
    deployed.send(later, 1, 30)
    done = run_command("run", "--config", penstock.file, "--exit-at-end", timeout_s=120)
    assert done.returncode == 0, done.stdout + done.stderr
    deployed.assert_exactly()


def test_a_check_of_an_expression_that_matches_nothing_yet_finds_no_fault(deployment, kafka):
    deployed = deployment(kafka)
    later = kafka.fresh_name()
    penstock = deployed.penstock(matching_nothing_yet(deployed, later))
    done = run_command("check", "--config", penstock.file, timeout_s=120)
    assert done.returncode == 0, done.stdout + done.stderr
    rows = done.stdout.splitlines()
    assert any(row.startswith("warn") and "no topic matches" in row and later in row for row in rows), done.stdout
    assert any(row.startswith("ok") and " group " in row for row in rows), done.stdout
    assert "because of the fault" not in done.stdout


# Servers that do not answer

@pytest.mark.parametrize("who", ["broker", "store"])
@pytest.mark.parametrize("how", ["stopped", "frozen"])
def test_a_server_that_does_not_answer_shows(deployment, kafka, azurite, who, how):
    deployed = deployment(kafka, azurite)
    topic = kafka.create_topic(1)
    long_session = {"session.timeout.ms": 45000}  # that membership is lost would show sooner
    penstock = deployed.penstock(deployed.config([topic], {"source": {"librdkafka": long_session}})).start()
    deployed.send(topic, 1, 10)
    deployed.wait_landed()
    server = kafka if who == "broker" else azurite
    try:
        server.service.suspend() if how == "frozen" else server.stop()
        if who == "store":
            deployed.send(topic, 1, 10)  # else nothing is wanted of it
        wait_not_ready(penstock, timeout_s=NOTICED_WITHIN_S)
        body = penstock.get("/readyz")[1]
        assert (str(kafka.port) in body or "broker" in body) if who == "broker" else body.strip(), body
        assert penstock.get("/healthz")[0] == 200, "a restart would not help"
    finally:
        server.service.resume() if how == "frozen" else server.start()
    wait_until(lambda: penstock.get("/readyz")[0] == 200, 60, "ready again")
    if who == "broker":
        deployed.send(topic, 1, 10)
    deployed.wait_landed(40)
    assert penstock.terminate() == 0
    deployed.assert_exactly()


# Ends

@pytest.mark.parametrize("how", ["away", "frozen"])
def test_sigterm_while_the_store_is_away_ends_by_itself(deployment, kafka, azurite, proxy, how):
    deployed = deployment(kafka, azurite)
    topic = kafka.create_topic(2)
    penstock = deployed.penstock(deployed.config([topic], {"drain_timeout": "3s"}, proxy.port)).start()
    deployed.send(topic, 2, 10)
    deployed.wait_landed()
    try:
        azurite.service.suspend() if how == "frozen" else proxy.down()
        deployed.send(topic, 2, 500)
        penstock.wait_metric("penstock_records_received_total", 1020)
        time.sleep(2)
        with within(30, "the stop"):
            assert penstock.terminate(40) == 1
    finally:
        azurite.service.resume() if how == "frozen" else proxy.up()
    wait_said(penstock, r"(?=.*\bKafka\b)(?=.*\bstage\b)", 1)  # to whom it is left
    again = deployed.penstock(penstock.config, "--exit-at-end")
    again.service.start()
    assert again.wait(60) == 0
    deployed.assert_exactly()
    deployed.assert_finished(topic, {0: 510, 1: 510})


def test_two_sigterms_within_milliseconds_are_one(deployment, kafka, azurite, proxy):
    """Some programs signal their child, and then the group that it is in."""
    deployed = deployment(kafka, azurite)
    topic = kafka.create_topic(1)
    penstock = deployed.penstock(deployed.config([topic], {"batch": {"max_age": "60s"}}, proxy.port)).start()
    deployed.send(topic, 1, 500)
    penstock.wait_metric("penstock_records_received_total", 500)
    proxy.add(Fault(is_blob_commit, delay_s=1))  # the drain is not done before the second one comes
    penstock.service.send(signal.SIGTERM)
    time.sleep(0.005)  # two that wait at once are one to the kernel
    penstock.service.send(signal.SIGTERM)
    assert penstock.wait(40) == 0
    deployed.assert_exactly()
    deployed.assert_finished(topic, {0: 500})


# Memory

@pytest.mark.long  # sanitizers multiply what is measured
def test_memory_does_not_follow_an_outage_of_the_store(deployment, kafka, azurite, proxy):
    """Nine thousand more batches than after the first three thousand are sealed, or wait to be."""
    deployed = deployment(kafka, azurite)
    partitions = 8
    topic = kafka.create_topic(partitions)
    penstock = deployed.penstock(deployed.config([topic], {
        "batch": {"max_bytes": "1KiB", "group_by": "partition"}}, proxy.port)).start()
    proxy.down()

    def resident_after(records: int) -> int:
        deployed.send_uncounted(topic, partitions, records // partitions, 1000)
        def stands_still() -> bool:
            before = penstock.metric("penstock_records_received_total")
            time.sleep(2)
            return before > 0 and penstock.metric("penstock_records_received_total") == before
        wait_until(stands_still, 60, "all that is taken was taken")
        return penstock.rss_bytes
    early = resident_after(3000)
    late = resident_after(9000)
    assert late - early < 6 << 20, f"{early / 2**20:.0f} MiB, then {late / 2**20:.0f} MiB"
    assert penstock.get("/readyz")[0] == 503
