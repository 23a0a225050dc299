"""The pages that others read, what hostile clients can do there, a worker that hangs, and the demo."""

import json
import signal
import socket
import threading
import time

import pytest

from harness.frozen_thread import FrozenThread
from harness.lake import assert_exactly, read_container, read_directory
from harness.penstock import Penstock, merged, run_command
from harness.service import free_port, wait_until, within

MIB = 1 << 20


def test_the_metrics_page(landing, promtool):
    lands = landing(2)
    lands.book.spread(2, 1000, 500)
    penstock = lands.penstock().start()
    lands.wait_landed()
    penstock.wait_metric("penstock_stage_written_bytes_total", 1000 * 500)
    status, page = penstock.get("/metrics")
    assert status == 200
    assert promtool(page) == ""
    assert penstock.metric("penstock_records_received_total") == 1000
    assert penstock.metric("penstock_topic_records_total", topic=lands.topic) == 1000
    assert penstock.metric("penstock_blobs_published_total") >= 1
    assert penstock.metric("penstock_io_backend") == 1
    assert penstock.metric("penstock_ready") == 1
    assert penstock.metric("penstock_worker_heartbeat_seconds", worker="0") < 5
    wait_until(lambda: penstock.metric("penstock_partition_lag_records", topic=lands.topic) == 0, 10,
               "the lag, which is refreshed once a second, is 0")
    assert penstock.metric("penstock_partition_lag_seconds", topic=lands.topic) == 0
    assert penstock.metric("penstock_topic_lag_seconds", topic=lands.topic) == 0
    assert penstock.metric("penstock_topic_lag_records", topic=lands.topic) == 0
    assert penstock.get("/healthz") == (200, "ok\n")
    assert penstock.get("/readyz") == (200, "ok\n")
    assert penstock.get("/")[0] == 200 and penstock.get("/nowhere")[0] == 404
    assert penstock.terminate() == 0


# What a client sends at its beginning, and then without end.
FLOODS = {
    "headers": (b"GET /metrics HTTP/1.1\r\n", b"X-Y: " + b"z" * 91 + b"\r\n"),
    "request_line": (b"GET /", b"z" * 100),
    "header": (b"GET /metrics HTTP/1.1\r\nX-Y: ", b"z" * 100),
    "chunked_body": (b"POST /metrics HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n", b"64\r\n" + b"z" * 100 + b"\r\n"),
    "body_without_length": (b"POST /metrics HTTP/1.1\r\n\r\n", b"z" * 100),
}


def connection_to(penstock: Penstock) -> socket.socket:
    return socket.create_connection(("127.0.0.1", penstock.admin_port), timeout=20)


def flood(penstock: Penstock, begin: bytes, again: bytes, total: int):
    """As much over one connection as is taken, and the rest over new ones."""
    much = again * (MIB // len(again))
    sent = 0
    while sent < total:
        with connection_to(penstock) as client:
            try:
                client.sendall(begin)
                while sent < total:
                    sent += client.send(much)
            except ConnectionError:
                continue


@pytest.mark.parametrize("kind", FLOODS)
def test_endless_requests_take_no_memory(landing, kind):
    penstock = landing(1).penstock().start()
    assert penstock.get("/metrics")[0] == 200
    before = penstock.rss_bytes
    done = threading.Thread(target=flood, args=(penstock, *FLOODS[kind], 200 * MIB))
    done.start()
    highest = before
    while done.is_alive():
        highest = max(highest, penstock.rss_bytes)
        done.join(0.05)
    assert highest - before < 8 * MIB, f"{(highest - before) / MIB:.1f} MiB for 200 MiB of {kind}"
    assert penstock.get("/healthz") == (200, "ok\n")
    assert penstock.terminate() == 0


class SlowClients:
    """So many connections, each of which sends a byte a second. One that is closed is made anew."""

    def __init__(self, penstock: Penstock, count: int):
        self._penstock = penstock
        self._clients = [connection_to(penstock) for _ in range(count)]
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._send)

    def __enter__(self):
        self._thread.start()
        return self

    def __exit__(self, *_):
        self._ended.set()
        self._thread.join()
        for client in self._clients:
            client.close()

    def _send(self):
        while not self._ended.wait(1):
            for at, client in enumerate(self._clients):
                try:
                    client.send(b"G")
                except OSError:
                    client.close()
                    try:
                        self._clients[at] = connection_to(self._penstock)
                    except OSError:
                        pass  # it has ended


def test_slow_clients_delay_neither_a_probe_nor_the_exit(landing):
    penstock = landing(1).penstock().start()
    with SlowClients(penstock, 64):
        for _ in range(20):
            with within(1, "an answer to a probe"):
                assert penstock.get("/healthz") == (200, "ok\n")
            time.sleep(0.5)
        with within(10, "the stop"):
            assert penstock.terminate() == 0


def hanging_worker(landing, seconds: float, check):
    """Two workers of one partition each. The second one's thread is stopped alone; check() runs so much later."""
    lands = landing(2)
    lands.book.spread(2, 100, 100)
    config = lands.config()
    config["runtime"]["workers"] = 2
    penstock = lands.penstock(config).start()
    lands.wait_landed()
    wait_until(lambda: penstock.metric("penstock_assigned_partitions", worker="0") == 1
               and penstock.metric("penstock_assigned_partitions", worker="1") == 1, 30, "each has one partition")
    with FrozenThread(penstock.service.pid, "penstock-w1"):
        lands.book.spread(2, 100, 100)
        time.sleep(10)
        assert penstock.get("/healthz") == (200, "ok\n")
        assert "has not moved" not in penstock.get("/readyz")[1]
        time.sleep(seconds - 10)
        check(penstock, lands)
    lands.wait_landed()
    wait_until(lambda: penstock.get("/readyz") == (200, "ok\n"), 30, "it is ready again")
    assert penstock.get("/healthz") == (200, "ok\n")
    assert penstock.terminate() == 0
    assert_exactly(lands.book, read_container(lands.azurite, lands.container))


def test_a_worker_that_hangs_shows(landing):
    def check(penstock, lands):
        status, reasons = penstock.get("/readyz")
        assert status == 503 and "worker 1 has not moved for 3" in reasons and "worker 0 has not" not in reasons
        assert penstock.get("/healthz") == (200, "ok\n")
        assert penstock.metric("penstock_ready") == 0
        assert penstock.metric("penstock_worker_heartbeat_seconds", worker="0") < 5
        assert penstock.metric("penstock_worker_heartbeat_seconds", worker="1") > 30
        page = penstock.get("/metrics")[1]
        assert page.count("\npenstock_partition_lag_records{") == 1, "a lag that nobody looks after"
        assert "worker 1 has not moved for" in penstock.output

    hanging_worker(landing, 35, check)


@pytest.mark.long
@pytest.mark.timeout(400)
def test_a_worker_that_hangs_for_long_is_not_healthy(landing):
    def check(penstock, lands):
        status, reasons = penstock.get("/healthz")
        assert status == 503 and "worker 1 has not moved for 12" in reasons
        assert penstock.get("/readyz")[0] == 503

    hanging_worker(landing, 125, check)


def test_the_watchdog_of_systemd_is_told(landing, tmp_path):
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as manager:
        manager.bind(str(tmp_path / "notify"))
        manager.settimeout(60)
        penstock = landing(1).penstock()
        penstock.service.env |= {"NOTIFY_SOCKET": str(tmp_path / "notify"), "WATCHDOG_USEC": "1000000"}
        penstock.start()
        told = []
        while told.count("WATCHDOG=1") < 6 or "READY=1" not in told:
            told.append(manager.recv(4096).decode())
        penstock.service.suspend()
        manager.settimeout(0.1)
        with pytest.raises(TimeoutError):
            while True:
                manager.recv(4096)  # sent before
        manager.settimeout(2)
        with pytest.raises(TimeoutError):
            manager.recv(4096)
        penstock.service.resume()
        manager.settimeout(60)
        while manager.recv(4096).decode() != "WATCHDOG=1":
            pass  # a status may come first
        assert penstock.terminate() == 0


def test_systemd_is_told_ready_and_why_it_waits_while_the_brokers_are_away(landing, tmp_path):
    """A start that were not ready would be killed after TimeoutStartSec, again and again: at boot this is the normal case."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as manager:
        manager.bind(str(tmp_path / "notify"))
        manager.settimeout(60)
        lands = landing(1)
        penstock = lands.penstock(merged(lands.config(), {"source": {"brokers": [f"127.0.0.1:{free_port()}"]}}))
        penstock.service.env |= {"NOTIFY_SOCKET": str(tmp_path / "notify")}
        penstock.service.start()
        told = ""
        while "READY=1" not in told or "STATUS=" not in told or "waiting for the brokers" not in told:
            told += manager.recv(4096).decode() + "\n"
        assert penstock.get("/readyz")[0] == 503, "it is ready to systemd alone"
        assert penstock.terminate() == 0


def test_a_signal_of_somebody_else_does_not_make_it_deaf(landing):
    penstock = landing(1).penstock().start()
    penstock.service.send(signal.SIGUSR2)
    time.sleep(0.5)
    assert penstock.get("/readyz") == (200, "ok\n")
    assert penstock.terminate(20) == 0


def test_the_demo_counts_what_it_produced(tmp_path):
    done = run_command("demo", "--seconds", 6, "--dir", tmp_path / "demo", "--json", timeout_s=120)
    assert done.returncode == 0, done.stdout + done.stderr
    told = json.loads(done.stdout)
    files = read_directory(tmp_path / "demo" / "lake")
    lines = [json.loads(line) for file in files for line in file.lines]
    assert told["agree"] and told["produced"] == told["landed"] == len(lines) > 1000
    assert "every record once" in told["verify"]
    assert sorted(line["seq"] for line in lines) == list(range(len(lines)))
    assert len(files) == told["files"] >= 2
