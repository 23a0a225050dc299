"""`source.instance`: which processes count as which members of the group, and for how long."""

import subprocess
import time

import pytest
from confluent_kafka import TopicPartition

from harness.service import wait_until


def test_two_processes_of_one_configuration_work_side_by_side(deployment, kafka):
    """On one host, each with a stage of its own. The instance is `auto`."""
    deployed = deployment(kafka)
    topic = kafka.create_topic(4)
    config = deployed.config([topic])
    pair = [deployed.penstock(config, stage=f"stage-{number}").start() for number in range(2)]

    def share() -> bool:
        ended = [each.service.process.returncode for each in pair if not each.service.running]
        assert not ended, f"one ended with {ended}: {pair[0].output[-1500:]}"
        return [each.metric("penstock_assigned_partitions") for each in pair] == [2, 2]
    wait_until(share, 40, "each has half of the partitions")
    for _ in range(4):
        deployed.send(topic, 4, 50)
        time.sleep(2)
        assert share()
    deployed.wait_landed()
    assert [each.terminate() for each in pair] == [0, 0]
    deployed.assert_exactly()
    deployed.assert_finished(topic, {partition: 200 for partition in range(4)})


def test_one_that_crashed_comes_back_to_its_partitions(deployment, kafka):
    """A crash is not a clean stop: within the session timeout the same process comes back to the same partitions."""
    deployed = deployment(kafka)
    topic = kafka.create_topic(4)
    config = deployed.config([topic])
    stays = deployed.penstock(config, stage="stage-0").start()
    crashes = deployed.penstock(config, stage="stage-1").start()
    wait_until(lambda: crashes.metric("penstock_assigned_partitions") == 2, 40, "each has half of the partitions")
    deployed.send(topic, 4, 50)
    deployed.wait_landed()
    rebalances = stays.metric("penstock_rebalances_total")
    crashes.service.kill()
    crashes.start()
    deployed.send(topic, 4, 50)
    deployed.wait_landed()
    assert stays.metric("penstock_rebalances_total") == rebalances, "partitions moved"
    assert [stays.terminate(), crashes.terminate()] == [0, 0]
    deployed.assert_exactly()


def test_offsets_that_are_reset_after_a_stop_take_effect(deployment, kafka):
    """At once: a stopped process is no member any more."""
    deployed = deployment(kafka)
    topic = kafka.create_topic(2)
    penstock = deployed.penstock(deployed.config([topic])).start()
    deployed.send(topic, 2, 50)
    deployed.wait_landed()
    assert penstock.terminate() == 0
    assert kafka.members(deployed.group) == 0
    kafka.set_entries(deployed.group, [TopicPartition(topic, partition, 0) for partition in range(2)])
    penstock.start()
    wait_until(lambda: sum(deployed.landed().values()) >= 200, 30, "all landed a second time")
    assert penstock.terminate() == 0
    assert set(deployed.landed().values()) == {2}
    deployed.assert_finished(topic, {0: 50, 1: 50})


def on_host(name: str, penstock):
    """The same command on a host of that name, as a container has one."""
    inside = ["unshare", "--uts", "--", "sh", "-c", 'hostname "$0" && exec "$@"', name]
    if subprocess.run([*inside, "true"], capture_output=True).returncode != 0:
        pytest.skip("a host name of its own is not allowed here")
    penstock.service.command = [*inside, *penstock.service.command]
    return penstock


def test_a_successor_on_another_host_has_the_partitions_at_once_after_a_stop(deployment, kafka):
    """A container that is replaced has another name and another stage. The session would be 30 s long."""
    deployed = deployment(kafka)
    topic = kafka.create_topic(2)
    config = deployed.config([topic], {"source": {"librdkafka": {"session.timeout.ms": 30000}}})
    first, second = (on_host(f"gateway-{n}", deployed.penstock(config, stage=f"stage-{n}")) for n in ("x7k2p", "q9d4m"))
    first.start()
    deployed.send(topic, 2, 50)
    deployed.wait_landed()
    assert first.terminate() == 0
    deployed.send(topic, 2, 50)
    second.service.start()
    deployed.wait_landed(12)
    assert second.terminate() == 0
    deployed.assert_exactly()


def test_a_name_is_a_member_that_stays_after_a_stop(deployment, kafka):
    deployed = deployment(kafka)
    topic = kafka.create_topic(1)
    penstock = deployed.penstock(deployed.config([topic], {"source": {"instance": "orders-1"}})).start()
    assert penstock.terminate() == 0
    assert kafka.members(deployed.group) == 1
