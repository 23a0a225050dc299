"""What penstock says, and where: every line keeps the log's format, a reason has its priority in the journal, and what is
in the way is named. The words themselves are tested with the code that has them."""

import contextlib
import json
import os
import re
import signal
import socket
import subprocess
import threading

import pytest

from harness.penstock import Penstock, base_config, merged, run_command
from harness.paths import penstock_binary
from harness.service import wait_until


def objects(output: str) -> list[dict]:
    """Every line as the JSON object that it is."""
    return [json.loads(line) for line in output.splitlines()]


@pytest.mark.parametrize("fetch", ["direct"], indirect=True)
def test_with_json_every_line_is_an_object(landing):
    lands = landing(1)
    penstock = lands.penstock(merged(lands.config(), {"log": {"format": "json"}})).start()
    lands.book.spread(1, 100, 100)
    lands.wait_landed()
    penstock.service.send(signal.SIGHUP)
    wait_until(lambda: "SIGHUP" in penstock.output, 10, "SIGHUP is answered")
    assert penstock.terminate() == 0
    lines = objects(penstock.output)
    assert any(line["message"].startswith("SIGTERM") for line in lines)
    assert any(line["message"] == "files landed" and 0 < line["records"] <= 100 for line in lines), penstock.output
    last = lines[-1]
    assert last["level"] == "info" and last["message"].startswith("landed 100 records")
    assert last["records"] == 100 and last["files"] >= 1 and last["bytes"] > 0 and last["seconds"] > 0
    assert '":""' not in penstock.output, "a field without a text says nothing"


@pytest.mark.parametrize("fetch", ["direct"], indirect=True)
def test_each_file_is_a_line_at_debug_and_all_of_a_minute_are_one_at_info(landing):
    lands = landing(1)
    penstock = lands.penstock(merged(lands.config(), {"log": {"level": "debug"}})).start()
    for _ in range(4):
        lands.book.spread(1, 50, 100)
        lands.wait_landed()
    assert penstock.terminate() == 0
    files = int(re.search(r"penstock: landed 200 records .* in (\d+) files", penstock.output)[1])
    published = [line for line in penstock.output.splitlines() if " debug published " in line]
    assert len(published) == files >= 4, penstock.output
    assert all(f" topic={lands.topic} " in line and " records=" in line and " blob=" in line for line in published), published
    landed = [line for line in penstock.output.splitlines() if " info files landed " in line]
    assert 1 <= len(landed) < files and all(" records=" in line and " files=" in line for line in landed), landed


def test_with_json_a_refused_configuration_is_an_object_a_fault(binary, tmp_path):
    file = tmp_path / "penstock.yaml"
    file.write_text("name: x\nsource: {brokers: [\"b:9092\"], topics: [t]}\nsink: {url: \"null:\"}\n"
                    "sorce: {}\nbatch: {max_age: soon}\nlog: {format: json}\n")
    ended = run_command("run", "--config", file)
    assert ended.returncode == 2
    lines = objects(ended.stderr)
    assert {line["level"] for line in lines} == {"error"}
    assert [line["message"].split(": ")[1] for line in lines[:2]] == ["sorce", "batch.max_age"]


def said_to_the_journal(directory, *words) -> list[str]:
    """Standard error as systemd sees it: a stream whose device and inode JOURNAL_STREAM names."""
    with open(directory / "journal", "w+") as journal:
        status = os.fstat(journal.fileno())
        subprocess.run([penstock_binary(), *map(str, words)], stderr=journal, stdout=subprocess.DEVNULL, timeout=120,
                       env={**os.environ, "JOURNAL_STREAM": f"{status.st_dev}:{status.st_ino}"})
        journal.seek(0)
        return journal.read().splitlines()


def test_the_reason_of_an_end_is_an_error_in_the_journal(binary, tmp_path):
    config = merged(base_config(tmp_path, ["orders"], "127.0.0.1:1", {"url": "file:///dev/null/lake"}),
                    {"source": {"fence_wait": "10s"}})  # nothing to warn of
    file = tmp_path / "penstock.yaml"
    file.write_text(json.dumps(config))
    lines = said_to_the_journal(tmp_path, "run", "--config", file)
    assert any(line.startswith("<3>") and "/dev/null/lake" in line for line in lines), lines
    assert all(line.startswith("<3>") and not line[3:].startswith("penstock: ") for line in lines), lines
    file.write_text(json.dumps(merged(config, {"sorce": {}})))
    lines = said_to_the_journal(tmp_path, "run", "--config", file)
    assert lines and all(line.startswith("<3>") for line in lines), lines


class Other:
    """A listener that is no Kafka broker: it reads what comes, and says `answer`, or nothing, or closes."""

    def __init__(self, answer: bytes | None, closes: bool):
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port = self._listener.getsockname()[1]
        self._answer, self._closes = answer, closes
        self._kept = []
        threading.Thread(target=self._serve, daemon=True).start()

    def _serve(self):
        with contextlib.suppress(OSError):
            while True:
                connection, _ = self._listener.accept()
                self._kept.append(connection)
                if self._answer or self._closes:
                    connection.recv(4096)
                if self._answer:
                    connection.sendall(self._answer)
                if self._closes:
                    connection.close()

    def end(self):
        self._listener.close()
        for connection in self._kept:
            connection.close()


class FullQueue:
    """A listener whose queue is full takes no connection and refuses none, as a firewall that drops does."""

    def __init__(self):
        self._listener = socket.socket()
        self._listener.bind(("127.0.0.1", 0))
        self._listener.listen(0)
        self.port = self._listener.getsockname()[1]
        self._waiting = []
        for _ in range(8):
            client = socket.socket()
            client.setblocking(False)
            client.connect_ex(("127.0.0.1", self.port))
            self._waiting.append(client)

    def end(self):
        for each in [self._listener, *self._waiting]:
            each.close()


# `run` has the words of the membership, `check` those of the first link that does not hold.
@pytest.mark.parametrize("make, words, in_check", [
    (lambda: Other(b"HTTP/1.1 400 Bad Request\r\n\r\n", closes=True), "an HTTP server answers there", "an HTTP server answers"),
    (lambda: Other(b"\x15\x03\x03\x00\x02\x02\x46", closes=True), "this port wants TLS", "it wants TLS"),
    (lambda: Other(None, closes=False), "takes connections there and says nothing", "it is no Kafka broker, wants TLS, or hangs"),
    (FullQueue, "a firewall drops what is sent to it", "a firewall drops what is sent to it"),
], ids=["http", "tls", "silent", "dropped"])
def test_what_is_no_broker_is_named(binary, tmp_path, make, words, in_check):
    other = make()
    try:
        config = base_config(tmp_path, ["orders"], f"127.0.0.1:{other.port}", {"url": f"file://{tmp_path}/lake"})
        with Penstock(tmp_path, config) as penstock:
            penstock.service.start()
            wait_until(lambda: "waiting for the brokers" in penstock.output, 30, "run says what is awaited")
            assert words in penstock.output, penstock.output
            check = run_command("check", "--config", penstock.file)
            assert check.returncode == 3 and in_check in check.stdout, check.stdout + check.stderr
    finally:
        other.end()
