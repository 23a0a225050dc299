"""Topics whose files could not have a name that the sink holds and readers see: one alone is refused, before its first
record, and nothing else stops."""

import re

import pytest

from harness.deployment import wait_not_ready, wait_said
from harness.penstock import run_command
from harness.service import wait_until

ODD = {"hidden": (".{}", "begins with '.'"), "skipped": ("_{}", "begins with '_'"), "dropped": ("{}.", "ends with '.'")}


@pytest.fixture(params=["a directory", "Azure"])
def names(request, deployment, kafka):
    """A deployment, a topic's name that is good, and the odd ones made of others, each with what is said of it."""
    in_azure = request.param == "Azure"
    deployed = deployment(kafka, request.getfixturevalue("azurite") if in_azure else None)
    good = kafka.fresh_name()
    odd = {form.format(kafka.fresh_name()): said for form, said in ODD.values()}
    long = kafka.fresh_name()
    odd[long.ljust(240, "t")] = "there is room for 896" if in_azure else "the sink holds at most 249"
    # Azure holds what 240 letters come to twice, and not four times.
    changes = {"batch": {"path": "{topic}/{topic}/{topic}/{topic}"}} if in_azure else {}
    return deployed, good, odd, changes


def by_expression(deployed, topics: list[str], changes: dict) -> dict:
    config = deployed.config([], changes)
    del config["source"]["topics"]
    config["source"]["topics_regex"] = "^(" + "|".join(topic.replace(".", "[.]") for topic in topics) + ")$"
    return config


def test_an_odd_name_among_those_that_an_expression_finds_fails_alone(names, kafka):
    deployed, good, odd, changes = names
    late, *early = odd
    for topic in (good, *early):
        kafka.create_topic_named(topic, 1)
        deployed.send_uncounted(topic, 1, 10)
    deployed.sent.update(deployed.send_uncounted(good, 1, 30))
    config = by_expression(deployed, [good, *odd], changes)
    penstock = deployed.penstock(config)

    checked = run_command("check", "--config", penstock.file)
    assert checked.returncode == 3, checked.stdout
    for topic in early:
        assert re.search(rf"FAULT +topic +{topic} will not be read: its files would have a name that", checked.stdout)

    penstock.service.start()
    good_lines = lambda: sum(count for line, count in deployed.landed().items() if line.startswith(good.encode() + b"/"))
    wait_until(lambda: good_lines() == 40, 60, "the good topic landed", 0.3)
    for topic in early:
        wait_not_ready(penstock, f"topic {topic} is not read", odd[topic])
        wait_said(penstock, f"topic {topic} is not read: ".replace(".", "[.]"))

    kafka.create_topic_named(late, 1)
    deployed.send_uncounted(late, 1, 10)
    wait_not_ready(penstock, f"topic {late} is not read", odd[late], timeout_s=60)
    deployed.send_uncounted(good, 1, 10)
    wait_until(lambda: good_lines() == 50, 60, "the good topic goes on", 0.3)
    assert penstock.terminate() == 0
    assert sum(deployed.landed().values()) == 50
    for topic in odd:
        assert deployed.entry(topic)[0] == -1001, "nothing of it is committed"

    bounded = deployed.penstock(config, "--exit-at-end")
    bounded.service.start()
    assert bounded.wait(90) == 1
    wait_said(bounded, "is not read: its files would have a name that", 1)


def test_an_odd_name_that_is_written_ends_the_start(names):
    deployed, good, odd, changes = names
    for topic, said in odd.items():
        penstock = deployed.penstock(deployed.config([good, topic], changes))
        for command in ("check", "run"):
            done = run_command(command, "--config", penstock.file)
            assert done.returncode == 2, done.stdout + done.stderr
            assert f"source.topics: holds {topic}: its files would have a name that" in done.stderr, done.stderr
            assert said in done.stderr and "write another batch.path" in done.stderr, done.stderr


def test_an_override_gives_a_topic_the_name_that_it_needs(names, kafka):
    deployed, _, odd, _ = names
    topics = list(odd)
    # What stands in front, or behind, or instead.
    overrides = [{"match": "^[._]", "batch": {"path": "t{topic}/f"}}, {"match": "[.]$", "batch": {"path": "{topic}-t/f"}},
                 {"match": "t{100}", "batch": {"path": "{topic}/f"}}]
    for topic in topics:
        kafka.create_topic_named(topic, 1)
        deployed.send(topic, 1, 10)
    penstock = deployed.penstock(deployed.config(topics, {"overrides": overrides}), "--exit-at-end")
    penstock.service.start()
    assert penstock.wait(90) == 0
    deployed.assert_exactly()
    deployed.verify(penstock)
