"""bench/replay and bench/formats at their smallest: every program of them still runs, reads what was written, and the pages can be
made."""

import json
import os
import subprocess
import sys

import pytest

from harness.paths import PRESET, ROOT


@pytest.mark.timeout(400)
def test_a_small_replay_reads_what_was_produced(tmp_path):
    done = subprocess.run(
        [sys.executable, ROOT / "bench" / "replay" / "run.py", "--bytes", "1000000", "--rounds", "1", "--pace-seconds", "2",
         "--paces", "300 GB/day", "300 GB/day, Azurite", "300 GB/day, null:", "--out", tmp_path],
        env={**os.environ, "PENSTOCK_PRESET": PRESET}, capture_output=True, text=True, timeout=360)
    missed = "goals are missed" in done.stdout  # of so small topics on a busy machine
    assert done.returncode == (1 if missed else 0), done.stdout[-3000:] + done.stderr[-3000:]
    results = json.loads((tmp_path / "results.json").read_text())
    assert {"bare/1k", "direct/300", "http/gzip", "http-gzip/1k", "azurite/1k", "null-columns/requests"} <= set(results["rounds"][0])
    for pace in ("300 GB/day", "300 GB/day, Azurite"):
        for reading in results["pace"][pace]:
            assert reading["calls"]["stamped"] > 0
    assert results["pace"]["300 GB/day, null:"][0]["share_of_core"] > 0
    page = (tmp_path / "RESULTS.md").read_text()
    assert "bare librdkafka consumer" in page and "## The forms of files" in page


@pytest.mark.timeout(400)
def test_a_small_replay_over_tls(tmp_path):
    done = subprocess.run(
        [sys.executable, ROOT / "bench" / "replay" / "run.py", "--tls", "--bytes", "1000000", "--rounds", "1", "--pace-seconds", "2",
         "--out", tmp_path],
        env={**os.environ, "PENSTOCK_PRESET": PRESET}, capture_output=True, text=True, timeout=360)
    assert done.returncode == (1 if "missed: " in done.stdout else 0), done.stdout[-3000:] + done.stderr[-3000:]
    results = json.loads((tmp_path / "results.json").read_text())["tls"]
    assert {"bare/1k", "direct/1k", "null/300", "https/gzip", "bare-plain/1k"} <= set(results["rounds"][0])
    assert results["rounds"][0]["https/1k"]["calls"]["cipher"].startswith("TLS_")
    assert results["floors"][0]["open_128"] > 0
    assert "## Over TLS" in (tmp_path / "RESULTS.md").read_text()


@pytest.mark.timeout(400)
def test_every_format_is_landed_and_read_in_small():
    done = subprocess.run(
        [sys.executable, ROOT / "bench" / "formats" / "formats.py", "--quick", "--readers", "duckdb", "--json"],
        env={**os.environ, "PENSTOCK_PRESET": PRESET}, capture_output=True, text=True, timeout=360)
    assert done.returncode == 0, done.stderr[-3000:]
    results = json.loads(done.stdout)
    landed = results["rounds"][0]["300"]
    assert landed["parquet+zstd"]["stored_bytes"] < landed["parquet"]["stored_bytes"] / 2
    assert {"pyarrow", "duckdb", "capture-avro"} <= set(landed)
    read = results["reading"]["duckdb"]["1k"][0]
    assert set(read) == set(landed) - {"pyarrow", "duckdb", "capture-avro"} and set(read["parquet"]) == {"filtered", "full"}


@pytest.mark.timeout(400)
def test_values_become_columns_and_are_read_in_small():
    done = subprocess.run(
        [sys.executable, ROOT / "bench" / "formats" / "formats.py", "--columns", "--quick", "--readers", "duckdb", "--json"],
        env={**os.environ, "PENSTOCK_PRESET": PRESET}, capture_output=True, text=True, timeout=360)
    assert done.returncode == 0, done.stderr[-3000:]
    results = json.loads(done.stdout)
    landed = results["rounds"][0]["1k"]
    assert landed["columns+zstd"]["stored_bytes"] < landed["parquet+zstd"]["stored_bytes"]
    assert {"pyarrow", "duckdb", "conversion", "avro-columns+zstd"} <= set(landed)
    read = results["reading"]["duckdb"]["300"][0]
    assert set(read) == set(landed) - {"pyarrow", "duckdb", "conversion"} and set(read["columns+zstd"]) == {"filtered", "full"}
