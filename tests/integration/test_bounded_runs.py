"""`--exit-at-end` ends well when all of its topics is committed up to the end that it saw, whoever had to do it; and what
runs say of themselves at their end counts what landed."""

import json
import signal
import time

import pytest

from harness.deployment import landed_by_last_line, wait_said
from harness.service import wait_until

FOR_WHAT_IT_WAITS = r"wait(s|ing)?\b.*(partition|member)"


def bounded(deployed, topics: list[str], changes: dict | None = None, **penstock):
    return deployed.penstock(deployed.config(topics, changes), "--exit-at-end", **penstock)


@pytest.mark.parametrize("end", ["stopped", "killed"])
def test_it_takes_over_from_a_member_that_is_gone_and_still_counts(deployment, kafka, end):
    """Two services had half of the topic each. The job has the name of one of them, and its half at once. The other half has
    nobody to read it until the session of the other one ends."""
    deployed = deployment(kafka)
    topic = kafka.create_topic(8)
    long_session = {"librdkafka": {"session.timeout.ms": 15000}}
    pair = [deployed.penstock(deployed.config([topic], {"source": {"instance": name, **long_session}}), stage=f"of-{name}")
            for name in ("one", "other")]
    for service in pair:
        service.start()
    wait_until(lambda: [each.metric("penstock_assigned_partitions") for each in pair] == [4, 4], 40, "half each")
    deployed.send(topic, 8, 10)
    deployed.wait_landed()
    for service in pair:
        service.service.send(signal.SIGTERM if end == "stopped" else signal.SIGKILL)
    for service in pair:
        service.wait()
    deployed.send(topic, 8, 10)
    job = bounded(deployed, [topic], {"source": {"instance": "one", **long_session}})
    job.service.start()
    assert job.wait(90) == 0
    deployed.assert_exactly()
    deployed.assert_finished(topic, {partition: 20 for partition in range(8)})
    wait_said(job, FOR_WHAT_IT_WAITS, 1)
    assert kafka.members(deployed.group) == 0, "it left the group at its end"


def test_it_waits_for_a_member_that_is_not_done(deployment, kafka, azurite, proxy):
    """The other one lives, and cannot publish for a while."""
    deployed = deployment(kafka, azurite)
    topic = kafka.create_topic(8)
    service = deployed.penstock(
        deployed.config([topic], {"source": {"instance": "service"}, "drain_timeout": "2s"}, proxy.port),
        stage="of-the-service").start()
    deployed.send(topic, 8, 10)
    deployed.wait_landed()
    proxy.down()
    deployed.send(topic, 8, 10)
    job = bounded(deployed, [topic], {"source": {"instance": "job"}})
    job.service.start()
    wait_until(lambda: sum(deployed.landed().values()) >= 80 + 40, 60, "the job's own half landed")
    time.sleep(5)
    assert job.service.running, f"ended with {job.service.process.returncode} before the other half landed:\n{job.output[-2000:]}"
    wait_said(job, FOR_WHAT_IT_WAITS, 1)
    proxy.up()
    assert job.wait(60) == 0
    deployed.assert_exactly()
    deployed.assert_finished(topic, {partition: 20 for partition in range(8)})
    assert service.terminate() == 0


def test_two_of_them_end_well_one_beside_the_other(deployment, kafka):
    deployed = deployment(kafka)
    topic = kafka.create_topic(8)
    deployed.send(topic, 8, 500)
    jobs = []
    for number in range(2):
        jobs.append(bounded(deployed, [topic], {"source": {"fence_wait": "3s"}}, stage=f"stage-{number}"))
        jobs[-1].service.start()
        time.sleep(0.5)
    assert [job.wait(60) for job in jobs] == [0, 0], "\n".join(job.output[-2000:] for job in jobs)
    deployed.assert_exactly()
    deployed.assert_finished(topic, {partition: 500 for partition in range(8)})
    assert kafka.members(deployed.group) == 0


def test_totals_count_what_was_read_by_a_process_that_was_killed(deployment, kafka, azurite):
    """It is on the stage, in a batch that was open. The next process lands it without reading it from the broker."""
    deployed = deployment(kafka, azurite)
    topic = kafka.create_topic(2)
    config = deployed.config([topic], {"source": {"instance": "none"}, "sink": {"block_bytes": "1MiB"},
                                       "batch": {"max_age": "300s", "max_bytes": "16MiB"}})
    first = deployed.penstock(config).start()
    deployed.send(topic, 2, 10)
    first.wait_metric("penstock_records_received_total", 20)
    assert first.terminate() == 0
    deployed.assert_exactly()
    first.start()
    deployed.send(topic, 2, 5000, 1000)  # less than a batch
    first.wait_metric("penstock_stage_live_bytes", 9e6)
    first.service.kill()
    summary = deployed.directory / "summary.json"
    again = deployed.penstock(config, "--summary", str(summary)).start()
    used = again.wait_metric("penstock_recovered_used_bytes_total", 8e6)
    wait_until(lambda: used / 1001 + again.metric("penstock_records_received_total") >= 10000, 30, "all was read")
    assert again.terminate() == 0
    deployed.assert_exactly()
    records, files = landed_by_last_line(again)
    assert (records, files >= 1) == (10000, True), f"{records} records in {files} files"
    told = json.loads(summary.read_text())
    assert told["records"] == 10000 and [each["records"] for each in told["topics"]] == [10000], told
