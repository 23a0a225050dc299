"""`penstock offsets`: what the group has, and setting it as a member that keeps the claim protocol."""

import dataclasses
import json
import os
import pty
import subprocess

import pytest

from harness.paths import penstock_binary
from harness.penstock import run_command


@pytest.fixture
def landed(deployment, kafka, azurite):
    """A deployment whose service has landed 200 lines of two partitions and ended, and its topic."""
    deployed = deployment(kafka, azurite)
    topic = kafka.create_topic(2)
    deployed.send(topic, 2, 100)
    service = deployed.penstock(deployed.config([topic], {"admin": {"listen": "none"}}), "--exit-at-end")
    service.service.start()
    assert service.wait(60) == 0
    deployed.assert_exactly()
    return deployed, service, topic


def offsets(service, *words: str):
    return run_command("offsets", words[0], "--config", service.file, *words[1:], timeout_s=90)


def told(service, *words: str) -> dict:
    done = offsets(service, *words, "--json")
    assert done.returncode == 0, done.stdout + done.stderr
    return json.loads(done.stdout)


def test_show_has_the_positions_of_every_partition(landed):
    deployed, service, topic = landed
    deployed.send(topic, [1], 7)
    rows = told(service, "show")["partitions"]
    assert [(row["partition"], row["committed"], row["log_end"], row["lag"], row["claim"]) for row in rows] == \
        [(0, 100, 100, 0, None), (1, 100, 107, 7, None)]
    names = [blob.name.removeprefix("raw/")
             for blob in deployed.azurite.client().get_container_client(deployed.container).list_blobs()]
    with_files = told(service, "show", "--files")["partitions"]
    assert [row["last_file"] for row in with_files] == [names[-1]] * 2 and all("last_file" not in row for row in rows)
    assert names[-1] in offsets(service, "show", "--files").stdout
    people = offsets(service, "show", "--topic", topic, "--partition", "1")
    assert people.returncode == 0 and len(people.stdout.splitlines()) == 2, people.stdout
    assert "source.topics does not have it" in offsets(service, "show", "--topic", "other").stderr


def test_set_back_lands_again_and_set_forward_skips(landed):
    deployed, service, topic = landed
    done = offsets(service, "set", "--topic", topic, "--partition", "0", "--to", "40", "--yes")
    assert done.returncode == 0, done.stderr
    assert f"topic {topic}, partition 0: 100 -> 40" in done.stdout and "lands them again" in done.stdout, done.stdout
    assert [deployed.entry(topic, p)[0] for p in range(2)] == [40, 100]
    assert run_command("verify", "--config", service.file).returncode == 3, "files hold what is not committed"
    deployed.send(topic, [1], 50)
    assert offsets(service, "set", "--topic", topic, "--partition", "1", "--to", "latest", "--yes").returncode == 0
    service.service.start()
    assert service.wait(60) == 0
    landed_lines = deployed.landed()
    assert sum(landed_lines.values()) == 200 + 60 and sum(count == 2 for count in landed_lines.values()) == 60
    again = offsets(service, "set", "--topic", topic, "--to", "latest", "--yes")
    assert again.returncode == 0 and "nothing to do" in again.stderr, again.stderr
    assert deployed.kafka.members(deployed.group) == 0, "it has left"


def test_it_is_refused_while_a_member_is_there_and_names_it(landed):
    deployed, service, topic = landed
    other = deployed.penstock(deployed.config([topic]), stage="other").start()
    refused = offsets(service, "set", "--topic", topic, "--to", "0", "--yes")
    assert refused.returncode == 1 and "has 1 member: penstock-gateway-w0" in refused.stderr, refused.stderr
    assert deployed.entry(topic)[0] == 100
    assert other.terminate() == 0
    assert offsets(service, "set", "--topic", topic, "--to", "0", "--yes").returncode == 0
    assert [deployed.entry(topic, p)[0] for p in range(2)] == [0, 0]


@pytest.mark.parametrize("published", [True, False])
def test_a_pending_claim_is_settled_before_the_position_is_set(landed, published):
    """As a writer has left it that was killed between its claim and its put, or between its put and its finish."""
    deployed, service, topic = landed
    client = deployed.azurite.client().get_container_client(deployed.container)
    whole = [blob.name.removeprefix("raw/") for blob in client.list_blobs(include=["metadata"])
             if "0:0-100" in blob.metadata["ranges"].split(",")]
    name = whole[0] if published else f"{topic}/closed-0123456789abcdef-1.txt"
    sink = sink_of(deployed, service, topic)
    write(deployed, topic, 0, offset=0, metadata=f"p1;100;{sink};{name}")
    shown = told(service, "show")["partitions"][0]
    assert shown["claim"] == {"next": 100, "blob": name}, shown
    done = offsets(service, "set", "--topic", topic, "--partition", "0", "--to", "30", "--yes")
    assert done.returncode == 0 and "is settled" in done.stdout, done.stdout + done.stderr
    assert told(service, "show")["partitions"][0] | {"lag": 0} == shown | {"committed": 30, "claim": None, "lag": 0}
    assert deployed.entry(topic, 1) == (100, "p1;101;00000000;x"), "the other partition was left alone"
    metadata = client.get_blob_client(f"raw/{name}").get_blob_properties().metadata
    assert (metadata.get("tombstone") == "1") == (not published), metadata


def write(deployed, topic: str, partition: int, **changes):
    entry = deployed.kafka.entries(deployed.group, topic, [partition])[0]
    deployed.kafka.write_entry(deployed.group, topic, partition, dataclasses.replace(entry, **changes))


def sink_of(deployed, service, topic) -> str:
    """The eight digits by which claims name the sink: of a claim of another one `penstock offsets` says both."""
    write(deployed, topic, 1, metadata="p1;101;00000000;x")
    refused = offsets(service, "set", "--topic", topic, "--partition", "1", "--to", "50", "--yes")
    assert refused.returncode == 1 and "pending claim of another sink" in refused.stderr, refused.stderr
    assert deployed.entry(topic, 1) == (100, "p1;101;00000000;x"), "it was left alone"
    return refused.stderr.split("this one is ")[1][:8]


def test_offsets_outside_the_log_and_options_that_do_not_fit_are_refused(landed):
    deployed, service, topic = landed
    for words, says in ((("set", "--topic", topic, "--to", "101", "--yes"), "ends at 100"),
                        (("set", "--topic", topic, "--yes"), "needs --topic and --to"),
                        (("set", "--topic", topic, "--to", "5"), "write --yes"),
                        (("set", "--topic", topic, "--to", "soon", "--yes"), "is neither a time"),
                        (("set", "--topic", topic, "--to", "5", "--partition", "2", "--yes"), "has 2 partitions"),
                        (("show", "--yes"), "takes neither")):
        refused = offsets(service, *words)
        assert refused.returncode == 2 and says in refused.stderr, (words, refused.stderr)
    assert [deployed.entry(topic, p)[0] for p in range(2)] == [100, 100]


@pytest.mark.parametrize("answer, position", [("yes", 10), ("no", 100)])
def test_it_shows_what_it_would_replace_and_asks(landed, answer, position):
    deployed, service, topic = landed
    ours, its = pty.openpty()
    process = subprocess.Popen([penstock_binary(), "offsets", "set", "--config", service.file, "--topic", topic, "--to", "10"],
                               stdin=its, stdout=its, stderr=its, start_new_session=True)
    os.close(its)
    shown = b""
    while b"Type yes: " not in shown:
        shown += os.read(ours, 4096)
    assert f"topic {topic}, partition 1: 100 -> 10".encode() in shown, shown
    os.write(ours, f"{answer}\n".encode())
    assert process.wait(60) == 0
    os.close(ours)
    assert [deployed.entry(topic, p)[0] for p in range(2)] == [position, position]


def test_a_time_is_looked_up_in_each_partition(landed):
    deployed, service, topic = landed
    done = offsets(service, "set", "--topic", topic, "--to", "2020-01-01T00:00:00Z", "--yes")
    assert done.returncode == 0, done.stderr
    assert [deployed.entry(topic, p)[0] for p in range(2)] == [0, 0]
