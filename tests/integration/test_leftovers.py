"""What killed processes and former workers leave on disk is cleared away, and no record with it."""

import signal

from harness.deployment import wait_said
from harness.service import wait_until


def parts(deployed) -> set[str]:
    return {path.name for path in (deployed.lake / ".penstock").glob("*.part")}


def test_an_open_part_of_a_process_that_was_killed_is_gone_after_the_restart(deployment, kafka):
    deployed = deployment(kafka)
    topic = kafka.create_topic(1)
    changes = {"batch": {"max_age": "1h"}, "sink": {"block_bytes": "64KiB"}}
    killed = deployed.penstock(deployed.config([topic], changes)).start()
    deployed.send(topic, 1, 20, size=100_000)
    wait_until(lambda: parts(deployed), 30, "a part is open")
    killed.service.send(signal.SIGKILL)
    killed.service.wait(10)
    left = parts(deployed)
    assert left, "it is there before the restart"

    restarted = deployed.penstock(deployed.config([topic], {"sink": {"block_bytes": "64KiB"}})).start()
    # At once; a minute later if the kernel was slow to give back the lock.
    wait_until(lambda: not parts(deployed) & left, 75, "what was left is gone")
    deployed.wait_landed(60)
    assert restarted.terminate() == 0
    assert parts(deployed) == set()
    deployed.assert_exactly()


def test_a_part_that_another_process_writes_stays(deployment, kafka):
    deployed = deployment(kafka)
    first, second = kafka.create_topic(1), kafka.create_topic(1)
    changes = {"batch": {"max_age": "1h"}, "sink": {"block_bytes": "64KiB"}}
    writing = deployed.penstock(deployed.config([first], changes)).start()
    deployed.send(first, 1, 20, size=100_000)
    wait_until(lambda: parts(deployed), 30, "a part is open")
    writing.wait_metric("penstock_records_received_total", 20)
    open_part = parts(deployed)
    other = deployed.config([second], {"name": "other", "source": {"group": f"{deployed.group}-other"}})
    starting = deployed.penstock(other, stage="stage-of-the-other").start()
    assert open_part <= parts(deployed)
    assert starting.terminate() == 0
    assert open_part <= parts(deployed)
    assert writing.terminate() == 0  # it finishes what is open
    deployed.assert_exactly()
    assert "uploads fail" not in writing.output


def test_the_stage_of_a_worker_that_is_no_more_is_removed_and_its_records_land(deployment, kafka):
    deployed = deployment(kafka)
    topic = kafka.create_topic(4)
    two = deployed.penstock(deployed.config([topic], {"runtime": {"workers": 2}, "batch": {"max_age": "1h"}})).start()
    deployed.send(topic, 4, 50)
    two.wait_metric("penstock_records_received_total", 200)
    two.service.send(signal.SIGKILL)
    two.service.wait(10)
    stages = deployed.directory / "stage" / "gateway"
    assert (stages / "worker-1" / "lock").exists()

    one = deployed.penstock(deployed.config([topic], {"runtime": {"workers": 1}})).start()
    wait_said(one, "removed the stage .*worker-1.*there is no worker 1 any more")
    assert not (stages / "worker-1").exists()
    assert (stages / "worker-0").exists()
    deployed.wait_landed(60)
    assert one.terminate() == 0
    deployed.assert_exactly()
