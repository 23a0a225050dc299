"""The pages that others read, and the demo."""

import json

from harness.lake import read_directory
from harness.penstock import run_command
from harness.service import wait_until


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
    wait_until(lambda: penstock.metric("penstock_partition_lag_records", topic=lands.topic) == 0, 10,
               "the lag, which is refreshed once a second, is 0")
    assert penstock.get("/healthz") == (200, "ok\n")
    assert penstock.get("/readyz") == (200, "ok\n")
    assert penstock.get("/")[0] == 404
    assert penstock.terminate() == 0


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
