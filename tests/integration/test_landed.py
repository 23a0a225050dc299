"""`penstock landed`: is everything in the lake that the log took before a time? And the metric that says it of a running service."""

import json
import time
from datetime import datetime, timezone

import pytest
from confluent_kafka import Producer

from harness.deployment import Deployment
from harness.penstock import Penstock, run_command
from harness.service import wait_until, within

NOT_YET = 3
YEAR = 365 * 24 * 3600
SLOW = {"batch": {"max_age": "1h"}}  # files are made by a stop alone


def utc(seconds: float) -> str:
    return datetime.fromtimestamp(seconds, timezone.utc).strftime("%Y-%m-%dT%H:%M:%SZ")


def ask(penstock: Penstock, until: float, *more: str) -> tuple[int, dict]:
    done = run_command("landed", "--config", penstock.file, "--until", utc(until), "--json", *more)
    assert done.returncode in (0, NOT_YET), done.stdout + done.stderr
    return done.returncode, json.loads(done.stdout)


def next_second() -> float:
    """A whole second behind whatever was written before the call, and now over."""
    end = int(time.time()) + 1
    time.sleep(end - time.time() + 0.05)
    return end


def markers(deployed: Deployment) -> list[str]:
    container = deployed.azurite.client().get_container_client(deployed.container)
    return [name.removeprefix("raw/") for name in container.list_blob_names(name_starts_with="raw/_landed/")]


def test_a_window_is_complete_when_its_last_file_is_published(deployment, kafka, azurite):
    deployed = deployment(kafka, azurite)
    topic = kafka.create_topic(3)
    deployed.send(topic, 3, 50)
    end = next_second()
    deployed.send(topic, [0], 5)  # of the next window
    penstock = deployed.penstock(deployed.config([topic], SLOW))
    code, said = ask(penstock, end)
    assert code == NOT_YET and "no position" in said["topics"][0]["lagging"][0]["missing"], "nobody has read it"
    penstock.start()
    wait_until(lambda: penstock.metric("penstock_records_received_total") == 155, 30, "all is read")
    code, said = ask(penstock, end, "--marker")
    assert code == NOT_YET and not said["landed"] and len(said["topics"][0]["lagging"]) == 3, "a file is open"
    assert markers(deployed) == []
    wait_until(lambda: penstock.has_landed_until(topic) is not None, 10, "the metric is there")
    assert penstock.has_landed_until(topic) < end, "the first record that has not landed is of this window"
    time.sleep(2)
    assert penstock.has_landed_until(topic) < end, "it stands"
    assert penstock.terminate() == 0
    code, said = ask(penstock, end)
    assert code == 0 and said["landed"] and said["topics"][0]["lagging"] == []
    for _ in range(2):  # the second time it is there
        assert ask(penstock, end, "--marker")[0] == 0
        assert markers(deployed) == [f"_landed/{topic}/{utc(end).replace('-', '').replace(':', '')}"]
    deployed.verify(penstock)
    text = run_command("landed", "--config", penstock.file, "--until", utc(end))
    assert text.returncode == 0 and f"every record before {utc(end)} is in the lake" in text.stdout


def test_who_waits_is_told_what_for_and_goes_on_when_it_is_so(deployment, kafka):
    deployed = deployment(kafka)
    topic, other = kafka.create_topic(2), kafka.create_topic(1)
    deployed.send(topic, 2, 10)
    penstock = deployed.penstock(deployed.config([topic, other], {"batch": {"max_age": "3s"}})).start()
    end = int(time.time()) + 4
    with within(40, "the wait for what lands soon"):
        done = run_command("landed", "--config", penstock.file, "--until", utc(end), "--wait", "60s", "--topic", topic)
    assert done.returncode == 0, done.stdout + done.stderr
    assert time.time() >= end
    assert f"waiting: {utc(end)} is not over yet" in done.stderr
    deployed.assert_exactly()
    wait_until(lambda: (penstock.has_landed_until(topic) or 0) > end, 10, "with all landed the metric goes with the time")
    status = json.loads(run_command("status", penstock.file, "--json").stdout)
    assert all(each["landed_until"] > end for each in status["topics"])
    later = run_command("landed", "--config", penstock.file, "--until", utc(time.time() + 3600), "--wait", "1s")
    assert later.returncode == NOT_YET and "is not over yet" in later.stdout


def dated(deployed: Deployment, topic: str, seconds: float) -> None:
    """One record with a time that its producer made up."""
    producer = Producer({"bootstrap.servers": deployed.kafka.bootstrap, "log_level": 0})
    producer.produce(topic, b"dated %d" % seconds, partition=0, timestamp=int(seconds * 1000))
    assert producer.flush(30) == 0
    deployed.sent[b"dated %d" % seconds] += 1


def test_a_record_of_the_future_vouches_for_none_behind_it(deployment, kafka, azurite):
    deployed = deployment(kafka, azurite)
    topic = kafka.create_topic(1)
    deployed.send(topic, 1, 1)
    dated(deployed, topic, time.time() + YEAR)
    penstock = deployed.penstock(deployed.config([topic], SLOW)).start()
    wait_until(lambda: penstock.metric("penstock_records_received_total") == 2, 30, "both are read")
    assert penstock.terminate() == 0
    deployed.send(topic, 1, 10)
    code, said = ask(penstock, next_second(), "--marker")
    assert code == NOT_YET and not said["landed"], "ten records of this window are not in the lake"
    assert "from offset 2 on is of" in said["topics"][0]["lagging"][0]["missing"], said
    assert markers(deployed) == []
    penstock.start()
    wait_until(lambda: penstock.metric("penstock_records_received_total") == 10, 30, "the rest is read")
    assert penstock.terminate() == 0
    assert ask(penstock, next_second())[0] == 0, "all of it is there"
    deployed.assert_exactly()


def test_of_a_record_of_the_future_that_waits_nobody_knows_when_it_came(deployment, kafka):
    deployed = deployment(kafka)
    topic = kafka.create_topic(1)
    dated(deployed, topic, time.time() + YEAR)
    deployed.send(topic, 1, 10)
    penstock = deployed.penstock(deployed.config([topic], SLOW))
    for _ in range(2):
        code, said = ask(penstock, next_second())
        assert code == NOT_YET and not said["landed"], said
        assert said["topics"][0]["landed_until"] is None, said
        if not penstock.service.running:
            penstock.start()
            wait_until(lambda: penstock.metric("penstock_records_received_total") == 11, 30, "all is read")
    assert penstock.has_landed_until(topic) is None, "so it is for the metric"
    status = json.loads(run_command("status", penstock.file, "--json").stdout)
    assert status["topics"][0]["landed_until"] is None
    assert penstock.terminate() == 0
    assert ask(penstock, next_second())[0] == 0


def test_under_steady_load_a_window_completes(deployment, kafka):
    deployed = deployment(kafka)
    topic = kafka.create_topic(1)
    penstock = deployed.penstock(deployed.config([topic], {"batch": {"max_age": "1s"}})).start()
    end = int(time.time()) + 3
    with within(60, "the window is complete while records come"):
        while ask(penstock, end)[0] != 0:
            deployed.send(topic, 1, 20)
    deployed.send(topic, 1, 20)
    deployed.wait_landed()
    assert penstock.terminate() == 0


def test_a_transaction_that_is_open_keeps_its_window_open(deployment, kafka):
    deployed = deployment(kafka)
    topic = kafka.create_topic(1)
    deployed.send(topic, 1, 10)
    penstock = deployed.penstock(deployed.config([topic])).start()
    deployed.wait_landed()
    producer = Producer({"bootstrap.servers": kafka.bootstrap, "transactional.id": topic, "log_level": 0})
    producer.init_transactions(30)
    producer.begin_transaction()
    producer.produce(topic, b"in a transaction")
    producer.flush(30)
    end = next_second()
    deployed.sent[b"in a transaction"] += 1
    time.sleep(1)
    assert ask(penstock, end)[0] == NOT_YET
    assert penstock.has_landed_until(topic) < end, "nothing beyond it is known to be all"
    producer.commit_transaction(30)
    deployed.wait_landed()
    wait_until(lambda: ask(penstock, end)[0] == 0, 30, "its marker is behind the position, too")
    wait_until(lambda: (penstock.has_landed_until(topic) or 0) > end, 10, "so it is for the metric")


def test_the_metric_stands_while_no_broker_answers(deployment, kafka):
    deployed = deployment(kafka)
    topic = kafka.create_topic(1)
    deployed.send(topic, 1, 10)
    penstock = deployed.penstock(deployed.config([topic])).start()
    deployed.wait_landed()
    wait_until(lambda: (penstock.has_landed_until(topic) or 0) > time.time() - 3, 10, "all has landed until now")
    kafka.service.suspend()
    try:
        time.sleep(3)
        stands = penstock.has_landed_until(topic)
        time.sleep(3)
        assert penstock.has_landed_until(topic) == pytest.approx(stands, abs=0.1), "it went on without knowing"
    finally:
        kafka.service.resume()
    wait_until(lambda: (penstock.has_landed_until(topic) or 0) > stands + 6, 30, "and it goes on")


@pytest.mark.parametrize(("words", "said"), [
    (["--until", "soon"], "--until soon: is no time; write one in UTC such as 2026-01-31T00:00:00Z"),
    (["--until", "latest"], "--until latest: is no time; write one in UTC"),
    (["--until", "2026-01-31T10:00:00.5Z"], "has a fraction of a second"),
    (["--until", "2026-01-31T10:00:00Z", "--wait", "10"], "--wait 10: has no unit"),
    (["--until", "2026-01-31T10:00:00Z", "--topic", "other"], "--topic other: source.topics does not have it"),
])
def test_what_cannot_be_asked_is_wrong_usage(deployment, kafka, words, said):
    penstock = deployment(kafka)
    made = penstock.penstock(penstock.config(["t"]))
    done = run_command("landed", "--config", made.file, *words)
    assert done.returncode == 2 and said in done.stderr, done.stdout + done.stderr


def test_a_topic_that_is_not_there_has_no_answer(deployment, kafka):
    deployed = deployment(kafka)
    penstock = deployed.penstock(deployed.config(["nobody-made-this"]))
    done = run_command("landed", "--config", penstock.file, "--until", utc(time.time()))
    assert done.returncode == 1 and "nobody-made-this" in done.stderr, done.stdout + done.stderr


def test_an_expression_that_matches_nothing_is_no_complete_window(deployment, kafka, azurite):
    deployed = deployment(kafka, azurite)
    config = deployed.config([], {"source": {"topics_regex": f"^{kafka.fresh_name()}$"}})
    del config["source"]["topics"]
    penstock = deployed.penstock(config)
    code, said = ask(penstock, next_second(), "--marker")
    assert code == NOT_YET and said["landed"] is False and said["topics"] == []
    assert markers(deployed) == []
    text = run_command("landed", "--config", penstock.file, "--until", utc(time.time() - 1), "--wait", "1s")
    assert text.returncode == NOT_YET and "no topic matches source.topics_regex yet" in text.stdout
