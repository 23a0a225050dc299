"""The pages of bench/replay and bench/formats say what their numbers say (bench/replay/figures.py, report.py, bench/formats/page.py)."""

import copy
import json
import re
import sys

import pytest
from comments import ROOT

sys.path[:0] = [str(ROOT / "bench" / "replay"), str(ROOT / "bench" / "formats")]

import machine  # noqa: E402
import page as formats_page  # noqa: E402
import report  # noqa: E402
import tls_report  # noqa: E402
from figures import BY_THE_MEDIAN, MET, MISSED, Figures  # noqa: E402

BENCH = ROOT / "bench"
STORED = json.loads((BENCH / "results.json").read_text())


@pytest.fixture
def results() -> dict:
    return copy.deepcopy(STORED)


def goal(results: dict, beginning: str) -> tuple[str, str]:
    """What was measured, and the verdict."""
    (row,) = [row for row in Figures(results).goals() if row[0].startswith(beginning)]
    return row[2:]


def test_the_page_is_made_of_the_stored_results():
    page = (BENCH / "RESULTS.md").read_text()
    images = re.findall(r"\(charts/(\w+\.svg)\)", page)
    assert page == report.page(Figures(STORED), images), "python bench/replay/report.py bench/results.json"


@pytest.mark.parametrize("kind", ["null/1k", "null-w4/1k", "null-p2/1k"])
def test_the_highest_memory_is_that_of_every_run(results, kind):
    results["rounds"][1][kind]["peak_rss_bytes"] = 1000 << 20
    assert goal(results, "peak RSS of a process, ") == ("1000 MiB", MISSED)


def test_a_goal_that_one_round_misses_is_not_simply_met(results):
    what = "whole path to the null store"
    for readings in results["rounds"]:
        readings["bare/1k"]["cpu_s"] = 100 * readings["null/1k"]["cpu_s"]
    assert goal(results, what)[1] == MET
    results["rounds"][0]["bare/1k"]["cpu_s"] = results["rounds"][0]["null/1k"]["cpu_s"]
    assert goal(results, what)[1] == BY_THE_MEDIAN
    results["rounds"][1]["bare/1k"]["cpu_s"] = results["rounds"][1]["null/1k"]["cpu_s"]
    assert goal(results, what)[1] == MISSED
    assert report.is_any_missed(results)


def test_a_form_is_beside_the_lines_of_the_same_round(results):
    assert "## The forms of files" not in report.page(Figures(results), [])
    results["topics"]["requests"], results["streams"]["requests"] = results["topics"]["1k"], results["streams"]["1k"]
    for number, readings in enumerate(results["rounds"]):
        start_s = readings["start/start"]["cpu_s"]
        readings["bare/requests"] = readings["bare/1k"]
        for name in report.FORMS:
            cost_s = (3 if name == "null-columns/requests" else 1) * 10 ** number
            readings[name] = {**readings["null/1k"], "cpu_s": cost_s + start_s, "stored_bytes": results["topics"]["1k"]["bytes"] // 4}
    page = report.page(Figures(results), [])
    (row,) = [line for line in page.splitlines() if line.startswith("| `parquet` with `batch.schema`")]
    assert "3.00 (3.00 to 3.00) | 3.00 (3.00 to 3.00)" in row and "| 0.25 |" in row
    assert "## The forms of files" in page


def test_what_is_measured_of_the_forms_alone_replaces_nothing_else(tmp_path, results):
    (tmp_path / "results.json").write_text(json.dumps(results))
    readings = {name: {**each["null/1k"], "stored_bytes": 500} for each in results["rounds"][:1] for name in report.FORMS}
    measured = {**results, "seconds": 7.0, "topics": {"requests": {"records": 1, "bytes": 10**9}}, "pace": {},
                "rounds": [{"start/start": results["rounds"][0]["start/start"], **readings}]}
    del measured["tls"]
    report.write_forms(measured, tmp_path)
    assert json.loads((tmp_path / "results.json").read_text()) == {**results, "forms": measured}
    page = (tmp_path / "RESULTS.md").read_text()
    assert "## At a pace" in page and "## Over TLS" in page and page.count("## The forms of files") == 1
    assert "It took 7 s for 1 interleaved rounds" in page
    readings_of_lines = measured["rounds"][0]["null/requests"]
    readings_of_lines["wall_s"] = measured["rounds"][0]["start/start"]["wall_s"]
    assert report.forms(Figures(measured)).count("| too short |") == 1


def test_writes_are_compared_with_as_many_in_flight(results):
    assert "no comparison" in goal(results, "stage writes")[1]
    for floors in results["floors"]:
        floors |= {"in_flight": 8, "stage_share": 0.5}
    assert goal(results, "stage writes")[1] == MISSED


def test_what_is_measured_over_tls_replaces_nothing_else(tmp_path, results):
    (tmp_path / "results.json").write_text(json.dumps(results))
    results["tls"]["seconds"] = 7.0
    report.write_tls(results["tls"], tmp_path)
    assert json.loads((tmp_path / "results.json").read_text()) == results
    page = (tmp_path / "RESULTS.md").read_text()
    assert "## At a pace" in page and "It took 7 s for" in page


@pytest.mark.parametrize("kind, limit", [("null", 0.6), ("https", 1.0)])
def test_over_tls_the_measure_is_the_bare_consumer_over_tls(results, kind, limit):
    over_tls = results["tls"]
    beginning = {"null": "reading over TLS", "https": "whole path with TLS"}[kind]

    def verdict() -> str:
        (row,) = [row for row in tls_report.TlsFigures(over_tls).goals() if row[0].startswith(beginning) and "1 KiB" in row[0]]
        return row[-1]

    for factor, wanted in ((0.9, MET), (1.1, MISSED)):
        for readings in over_tls["rounds"]:
            bare, start = readings["bare/1k"], readings["start/start"]
            readings[f"{kind}/1k"]["cpu_s"] = factor * limit * bare["cpu_s"] + start["cpu_s"]
            readings["bare-plain/1k"]["cpu_s"] = bare["cpu_s"] / 100
        assert verdict() == wanted
    assert tls_report.is_any_missed(over_tls)


@pytest.mark.parametrize("described, committed", [("b79bf1b", True), ("b79bf1b-dirty", False), ("", False)])
def test_figures_of_a_tree_that_nobody_can_check_out_are_refused(monkeypatch, described, committed):
    monkeypatch.setattr(machine, "_said", lambda *_: described)
    assert machine.is_committed() == committed


@pytest.mark.parametrize("name", [name for name in formats_page.RESULTS.values() if (BENCH / name).exists()])
def test_the_tables_of_formats_are_made_of_the_stored_results(name):
    stored = json.loads((BENCH / name).read_text())
    text = (BENCH / "FORMATS.md").read_text()
    assert text == formats_page.with_tables(text, stored) and formats_page.tables(stored) in text, "python bench/formats/page.py"


def test_a_format_is_beside_the_lines_of_the_same_round():
    stored = json.loads((BENCH / "formats.json").read_text())
    for number, each in enumerate(stored["rounds"]):
        each["start_cpu_s"] = 0.5
        each["1k"]["ndjson"]["cpu_s"] = 10 ** number + 0.5
        each["1k"]["parquet+zstd"]["cpu_s"] = 2 * 10 ** number + 0.5
    (row,) = [line for line in formats_page.landing(stored).splitlines() if line.startswith("| `parquet+zstd`")]
    assert "2.00 (2.00 to 2.00) x" in row


def test_the_conversion_alone_is_beside_the_peers_of_the_same_round():
    stored = json.loads((BENCH / "columns.json").read_text())
    assert "the conversion alone" not in formats_page.tables(stored) or "conversion" in stored["rounds"][0]["1k"]
    for number, each in enumerate(stored["rounds"]):
        each["start_cpu_s"] = 0.5
        for stream in ("1k", "300"):
            each[stream]["conversion"] = {"cpu_s": 10 ** number, "stored_bytes": 0}
            each[stream]["duckdb"]["cpu_s"] = 2 * 10 ** number
    (row,) = [line for line in formats_page.conversions(stored).splitlines() if line.startswith("| DuckDB")]
    assert row.count("2.00 (2.00 to 2.00) x") == 2
    assert "`conversion`" not in formats_page.landing(stored)
