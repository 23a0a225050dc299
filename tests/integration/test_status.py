"""`penstock status` and `top`, /api/status, and the token that guards them."""

import base64
import json
import os
import pty
import signal
import socket
import time
import urllib.error
import urllib.request

import pytest

from harness.paths import penstock_binary
from harness.penstock import Penstock, merged, run_command
from harness.secrets_told import secret
from harness.service import free_port, wait_until

TOKEN = secret("a-token-that-only-tests-have")


def guarded(lands, **admin) -> dict:
    return merged(lands.config(), {"admin": {"token": TOKEN, **admin}})


def ask(penstock: Penstock, path: str, authorization: str | None = None) -> int:
    request = urllib.request.Request(f"http://127.0.0.1:{penstock.admin_port}{path}",
                                     headers={"Authorization": authorization} if authorization else {})
    try:
        with urllib.request.urlopen(request, timeout=5) as reply:
            return reply.status
    except urllib.error.HTTPError as refused:
        return refused.code


def test_status_says_what_an_instance_does(landing):
    lands = landing(3)
    lands.book.spread(3, 900, 300)
    penstock = lands.penstock().start()
    lands.wait_landed()

    def settled():
        done = run_command("status", penstock.file, "--json")
        assert done.returncode == 0, done.stdout + done.stderr
        status = json.loads(done.stdout)
        return status if status["files"] and status["last_file"] and status["lag_records"] == 0 else None

    wait_until(settled, 30, "all is counted")
    status = settled()
    assert status["state"] == "ready" and status["name"] == "gateway" and status["version"]
    [topic] = status["topics"]
    assert topic["topic"] == lands.topic and topic["partition_count"] == 3 and topic["records"] == 900
    assert [partition["partition"] for partition in topic["partitions"]] == [0, 1, 2]
    assert sum(partition["committed"] for partition in topic["partitions"]) == 900
    assert status["bytes"] == 900 * 300 and status["stage"]["limit_bytes"] == 1 << 30
    assert status["workers"][0]["request_limit"] > 0
    configuration = {line["key"]: line["value"] for line in status["configuration"]}
    assert configuration["source.topics"] == lands.topic and configuration["batch.compression"] == "none"
    secrets = {key for key, value in configuration.items() if value == "(secret)"}
    assert "source.librdkafka" in secrets and any(key.startswith("sink.auth.") for key in secrets)
    told = run_command("status", penstock.file)
    assert told.returncode == 0 and told.stdout.startswith("gateway: ready\n") and lands.topic in told.stdout
    assert run_command("top", penstock.file).stdout.startswith("gateway: ready\n"), "no terminal: one frame"
    assert penstock.terminate() == 0


def test_status_of_an_instance_that_waits_says_what_for(landing):
    lands = landing(1)
    config = merged(lands.config(), {"source": {"brokers": [f"127.0.0.1:{free_port()}"]}})
    penstock = lands.penstock(config)
    penstock.service.start()
    wait_until(lambda: penstock.get("/readyz")[0] == 503, 30, "it answers")
    done = run_command("status", penstock.file)
    assert done.returncode == 1
    assert done.stdout.startswith("gateway: not ready: waiting for the brokers")
    penstock.service.kill()


def test_status_of_nobody_says_where_it_asked(landing):
    penstock = landing(1).penstock()
    done = run_command("status", penstock.file)
    assert done.returncode == 1 and done.stdout == ""
    assert f"no instance answers at 127.0.0.1:{penstock.admin_port}" in done.stderr
    assert run_command("status", "/no/such/file.yaml").returncode == 2


def test_an_outage_is_told_with_its_sentence(landing, proxy):
    lands = landing(1)
    penstock = lands.penstock(lands.config(proxy.port)).start()
    proxy.down()
    lands.book.spread(1, 100, 100)

    def troubled():
        status = json.loads(run_command("status", penstock.file, "--json").stdout)
        return status if status["state"] == "waiting" and status["troubles"] and status["retries"] and "uploads fail" in status["reason"] else None

    wait_until(troubled, 60, "the outage shows")
    status = troubled()
    assert "uploads fail" in status["reason"]
    assert any("uploads fail" in trouble["text"] for trouble in status["troubles"])
    assert run_command("status", penstock.file).returncode == 1
    proxy.up()
    wait_until(lambda: run_command("status", penstock.file).returncode == 0, 60, "it is ready again")
    lands.wait_landed()
    assert penstock.terminate() == 0


def test_a_token_guards_all_but_the_probes(landing):
    lands = landing(1)
    penstock = lands.penstock(guarded(lands)).start()
    basic = base64.b64encode(f"me:{TOKEN}".encode()).decode()
    for path in ("/", "/page.js", "/api/status", "/metrics"):
        assert ask(penstock, path) == 401, path
        assert ask(penstock, path, f"Bearer {TOKEN}x") == 401
        assert ask(penstock, path, f"Bearer {TOKEN}") == 200
        assert ask(penstock, path, f"Basic {basic}") == 200
    assert penstock.get("/healthz") == (200, "ok\n") and penstock.get("/readyz") == (200, "ok\n")
    assert run_command("status", penstock.file).returncode == 0
    other = penstock.file.with_name("other.yaml")
    other.write_text(json.dumps(merged(penstock.config, {"admin": {"token": "another-token-of-tests"}})))
    done = run_command("status", other)
    assert done.returncode == 1 and "the instance does not take admin.token of" in done.stderr
    other.write_text(json.dumps(merged(penstock.config, {"admin": {"token": "${file:/no/such/file}"}})))
    done = run_command("status", other)
    assert done.returncode == 1 and "asks for admin.token, which cannot be had here" in done.stderr
    assert "/no/such/file" in done.stderr
    assert run_command("health", "--config", other).returncode == 0, "the probes are open"
    assert penstock.terminate() == 0


def test_a_token_that_changes_is_the_new_one(landing, tmp_path):
    lands = landing(1)
    token = tmp_path / "admin-token"
    token.write_text(TOKEN)
    penstock = lands.penstock(guarded(lands, token=f"${{file:{token}}}", open_probes="false"))
    penstock.service.start()
    wait_until(lambda: run_command("health", "--config", penstock.file).returncode == 0, 60, "health shows the token")
    assert penstock.get("/readyz")[0] == 401
    renewed = tmp_path / "renewed"
    renewed.write_text(secret("another-token-that-only-tests-have"))
    renewed.rename(token)
    wait_until(lambda: ask(penstock, "/metrics", "Bearer another-token-that-only-tests-have") == 200, 10, "the new one is taken")
    assert ask(penstock, "/metrics", f"Bearer {TOKEN}") == 401
    assert penstock.terminate() == 0


@pytest.mark.parametrize("request_bytes", [
    b"GET /api/status HTTP/1.1\r\nHost: evil.example.com\r\n\r\n",
    b"GET /api/status HTTP/1.1\r\nHost: localhost\r\nHost: localhost\r\n\r\n",
    b"GET /../page.js HTTP/1.1\r\nHost: localhost\r\n\r\n",
    b"GET /api/status/ HTTP/1.1\r\nHost: localhost\r\n\r\n",
    b"POST /api/status HTTP/1.1\r\nHost: localhost\r\n\r\n",
    b"GET /api/status HTTP/1.1\r\nAuthorization: Basic " + b"A" * 9000 + b"\r\n\r\n",
])
def test_hostile_requests_get_no_status(landing, request_bytes):
    penstock = landing(1).penstock().start()
    with socket.create_connection(("127.0.0.1", penstock.admin_port), timeout=10) as client:
        client.sendall(request_bytes)
        answer = b""
        while part := client.recv(65536):
            answer += part
    assert answer.startswith((b"HTTP/1.1 4",)) and b'"state"' not in answer
    assert penstock.get("/healthz") == (200, "ok\n")
    assert penstock.terminate() == 0


def test_top_draws_in_a_terminal_and_ends_with_q(landing):
    lands = landing(1)
    penstock = lands.penstock().start()
    child, terminal = pty.fork()
    if child == 0:
        os.execv(penstock_binary(), ["penstock", "top", str(penstock.file)])
    drawn = b""
    asked_to_end = False
    deadline = time.monotonic() + 30
    try:
        while time.monotonic() < deadline:
            try:
                drawn += os.read(terminal, 65536)
            except OSError:  # the child has closed it
                break
            if b"gateway: ready" in drawn and not asked_to_end:
                asked_to_end = True
                os.write(terminal, b"q")
        ended, code = os.waitpid(child, 0)
    except BaseException:
        os.kill(child, signal.SIGKILL)
        raise
    assert ended == child and os.waitstatus_to_exitcode(code) == 0
    assert drawn.startswith(b"\x1b[?1049h") and drawn.rstrip().endswith(b"\x1b[?1049l")
    assert penstock.terminate() == 0
