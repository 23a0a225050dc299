"""What cannot work is said in a sentence that names it, with the exit code that the README promises; never by a crash."""

import base64
import json
import socket
import subprocess

import pytest

from harness.fault_proxy import Fault
from harness.lake import assert_exactly, read_container
from harness.penstock import merged, run_command
from harness.service import free_port, wait_until


def refused(penstock, exit_code: int, *words: str, timeout_s: float = 60):
    penstock.service.start()
    assert penstock.wait(timeout_s) == exit_code, penstock.output
    penstock.assert_did_not_crash()
    for word in words:
        assert word in penstock.output, f"{word!r} is not in:\n{penstock.output}"
    return penstock.output


def test_wrong_key(landing):
    lands = landing(1)
    config = lands.config()
    wrong = base64.b64encode(b"\x01" * 64).decode()
    config["sink"]["auth"]["value"] = lands.azurite.connection_string(key=wrong)
    output = refused(lands.penstock(config), 1, "403", "key")
    assert wrong not in output


def test_a_key_that_goes_bad_while_running_loses_nothing(landing, proxy):
    lands = landing(1)
    penstock = lands.penstock(lands.config(proxy.port)).start()
    proxy.add(Fault(lambda request: request.is_data_write, count=3, status=403, code="AuthenticationFailed"))
    lands.book.spread(1, 100, 100)
    wait_until(lambda: "AuthenticationFailed" in penstock.output, 30, "the log says so")
    lands.wait_landed()
    assert penstock.terminate() == 0
    assert_exactly(lands.book, read_container(lands.azurite, lands.container))


def test_missing_container(landing):
    lands = landing(1)
    config = lands.config()
    config["sink"]["url"] = config["sink"]["url"].replace(lands.container, "no-such-container")
    refused(lands.penstock(config), 1, "no-such-container", "create")


def test_unknown_topic(landing):
    lands = landing(1)
    config = merged(lands.config(), {"source": {"topics": ["no-such-topic"]}})
    refused(lands.penstock(config, "--exit-at-end"), 1, "no-such-topic")  # a service waits for it


def test_unreachable_broker(landing):
    lands = landing(1)
    port = free_port()
    penstock = lands.penstock(merged(lands.config(), {"source": {"brokers": [f"127.0.0.1:{port}"]}}))
    penstock.service.start()
    wait_until(lambda: "waiting for the brokers" in penstock.output, 30, "the log says what is awaited")
    assert f"127.0.0.1:{port}" in penstock.output
    assert penstock.service.running, "a service waits for its brokers"
    assert penstock.get("/readyz")[0] == 503
    assert penstock.terminate() == 0


def test_a_stage_that_cannot_be_written(landing, tmp_path):
    """A file where a directory should be: the one refusal that root meets too."""
    (tmp_path / "file").write_text("")
    lands = landing(1)
    refused(lands.penstock(merged(lands.config(), {"stage": {"dir": str(tmp_path / "file" / "stage")}})), 1,
            str(tmp_path / "file" / "stage"))


def test_a_stage_that_another_process_uses(landing):
    lands = landing(1)
    config = lands.config()
    first = lands.penstock(config).start()
    refused(lands.penstock(config), 1, "another penstock uses the stage directory")
    assert first.terminate() == 0


def test_an_admin_port_that_is_taken(landing):
    lands = landing(1)
    lands.book.spread(1, 10, 100)
    penstock = lands.penstock()
    with socket.create_server(("127.0.0.1", penstock.admin_port)):
        refused(penstock, 1, f"cannot serve metrics on 127.0.0.1:{penstock.admin_port}")
    assert read_container(lands.azurite, lands.container) == []


@pytest.fixture
def mounted(tmp_path):
    """mounted(options) -> a tmpfs of its own, gone with the test."""
    places = []

    def mount(options: str):
        place = tmp_path / f"mounted-{len(places)}"
        place.mkdir()
        done = subprocess.run(["mount", "-t", "tmpfs", "-o", options, "none", str(place)], capture_output=True, text=True)
        if done.returncode != 0:
            pytest.skip(f"mount is not allowed here: {done.stderr.strip()}")
        places.append(place)
        return place

    yield mount
    for place in places:
        subprocess.run(["umount", "-l", str(place)], check=False)


def test_a_read_only_stage(landing, mounted):
    lands = landing(1)
    place = mounted("ro,size=1m")
    refused(lands.penstock(merged(lands.config(), {"stage": {"dir": str(place / "stage")}})), 1, str(place), "read-only")


def test_a_disk_without_room_for_the_stage(landing, mounted):
    lands = landing(1)
    place = mounted("size=8m")
    refused(lands.penstock(merged(lands.config(), {"stage": {"dir": str(place)}})), 1, str(place), "room")


def test_a_disk_that_fills_up_while_running(landing, mounted, proxy):
    """The configuration promises more room than the disk has: what fits is used, it is the disk that is named and not
    stage.max_bytes, and everything lands once the store is back."""
    lands = landing(2)
    place = mounted("size=160m")
    penstock = lands.penstock(merged(lands.config(proxy.port), {"stage": {"dir": str(place), "max_bytes": "4GiB"},
                                                                "batch": {"max_age": "10s", "max_bytes": "1GiB"}})).start()
    proxy.down()
    lands.book.spread(2, 300_000, 1024)
    wait_until(lambda: f"the disk of the stage {place}" in penstock.get("/readyz")[1], 90, "/readyz names the disk")
    proxy.up()
    lands.wait_landed(timeout_s=120)
    assert penstock.terminate() == 0
    penstock.assert_did_not_crash()
    assert_exactly(lands.book, read_container(lands.azurite, lands.container))


def test_all_configuration_errors_at_once(tmp_path):
    file = tmp_path / "bad.yaml"
    file.write_text("name: x\n"
                    "source: {brokers: [], topics: [a]}\n"
                    "batch: {max_age: 60 parsecs, compresion: gzip}\n"
                    "sink: {url: 'https://x.blob.core.windows.net/lake', auth: {type: sas, token: '${NO_SUCH_VARIABLE}'}}\n")
    done = run_command("run", "--config", file)
    assert done.returncode == 2
    lines = [line for line in done.stderr.splitlines() if line]
    assert all(line.startswith(f"{file}:") for line in lines), done.stderr
    for line, key in ((2, "source.brokers"), (3, "batch.max_age"), (3, "compresion"), (4, "sink.auth.token")):
        assert any(told.startswith(f"{file}:{line}: ") and key in told for told in lines), (key, done.stderr)
    assert "NO_SUCH_VARIABLE" in done.stderr


def test_a_configuration_that_is_not_there(tmp_path):
    done = run_command("run", "--config", tmp_path / "none.yaml")
    assert done.returncode == 2
    assert "none.yaml" in done.stderr


@pytest.mark.parametrize("words", [[], ["fly"], ["run"], ["run", "--config"], ["demo", "--seconds", "soon"]])
def test_wrong_usage(words):
    done = run_command(*words)
    assert done.returncode == 2
    assert done.stderr or done.stdout


def test_help_and_version():
    assert "Exit codes" in run_command("--help").stdout
    assert "--exit-at-end" in run_command("run", "--help").stdout
    told = json.loads(run_command("version", "--json").stdout)
    assert told["version"] and told["io"] in ("io_uring", "portable")


def test_check_says_what_is_right(landing):
    lands = landing(3)
    penstock = lands.penstock(merged(lands.config(), {"source": {"fence_wait": "10s"}}))
    done = run_command("check", "--config", penstock.file)
    assert done.returncode == 0, done.stdout + done.stderr
    assert all(line.startswith("ok ") for line in done.stdout.splitlines())
    assert f"{lands.topic}, 3 partitions" in done.stdout
    assert read_container(lands.azurite, lands.container) == [], "a check leaves no blob"


def test_check_says_what_is_wrong(landing):
    lands = landing(1)
    config = merged(lands.config(), {"source": {"topics": ["no-such-topic"]}})
    config["sink"]["url"] = config["sink"]["url"].replace(lands.container, "no-such-container")
    done = run_command("check", "--config", lands.penstock(config).file, "--json")
    assert done.returncode == 3, done.stdout + done.stderr
    findings = json.loads(done.stdout)["findings"]
    wrong = {finding["subject"]: finding["text"] for finding in findings
             if finding["tried"] and not finding["ok"]}
    assert set(wrong) == {"topic", "sink container"}
    assert "no-such-topic" in wrong["topic"] and "no-such-container" in wrong["sink container"]


def test_no_secret_is_told(landing):
    lands = landing(1)
    lands.book.spread(1, 50, 100)
    penstock = lands.penstock(merged(lands.config(), {"log": {"level": "debug"}})).start()
    lands.wait_landed()
    page = penstock.get("/metrics")[1]
    assert penstock.terminate() == 0
    check = run_command("check", "--config", penstock.file)
    for told in (penstock.output, page, check.stdout, check.stderr):
        assert lands.azurite.key not in told
        assert "SharedKey " not in told


def test_no_record_is_told(landing):
    lands = landing(1)
    words = "the-text-of-a-record"
    lands.book.send(0, words.encode())
    penstock = lands.penstock(merged(lands.config(), {"log": {"level": "debug"}})).start()
    lands.wait_landed(1)
    page = penstock.get("/metrics")[1]
    assert penstock.terminate() == 0
    for told in (penstock.output, page):
        assert words not in told
