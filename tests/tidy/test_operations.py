"""What operators are given: alerts that fire, manifests that say the same, a runbook with a section for each of them, a
dashboard, and pages with configurations that others read."""

import json
import re
import subprocess
import textwrap

import pytest
from comments import ROOT, text_of, tracked

RULES = "conf/prometheus/rules.yaml"
PROMTOOL = ROOT / "build" / "deps" / "promtool" / "promtool"


def alerts():
    return re.findall(r"- alert: (\w+)", text_of(RULES))


def test_each_alert_fires_where_it_should_and_not_elsewhere():
    tried = subprocess.run([PROMTOOL, "test", "rules", ROOT / "conf" / "prometheus" / "rules_test.yaml"],
                           capture_output=True, text=True, timeout=60)
    assert tried.returncode == 0, tried.stdout + tried.stderr


@pytest.mark.parametrize("alert", alerts())
def test_each_alert_is_tried_and_has_its_section_in_the_runbook(alert):
    assert f"alertname: {alert}\n" in text_of("conf/prometheus/rules_test.yaml")
    assert f"\n## {alert}\n" in text_of("conf/RUNBOOK.md")


def literals(text: str) -> str:
    """Of a C++ source, with those that follow each other as one."""
    return re.sub(r'"\s*\n?\s*"', "", text)


def sources():
    return {path: literals(text_of(path)) for path in sorted(tracked()) if path.startswith("src/")
            and path.endswith(".cc") and not path.startswith("src/obs/")}


def operator_sentences():
    """What warnings and errors begin with, where the call itself says it."""
    found = set()
    for text in sources().values():
        for call in re.finditer(r"Level::(?:warning|error)\b(.{0,400}?)\);", text, re.S):
            found.update(literal for literal in re.findall(r'"([^"\\]*)"', call[1]) if len(literal) > 24)
    return sorted(found)


def phrases():
    return re.findall(r"^\| `([^`]+)` \|", text_of("conf/RUNBOOK.md").split("## What the log says")[1], re.M)


def test_the_runbook_has_each_sentence_that_is_logged_for_operators():
    sentences = operator_sentences()
    assert len(sentences) > 15
    known = [phrase.rstrip(":;") for phrase in phrases()]
    assert [sentence for sentence in sentences if not any(phrase in sentence for phrase in known)] == []


def test_each_sentence_of_the_runbook_is_said_somewhere():
    text = "\n".join(sources().values())
    assert [phrase for phrase in phrases() if phrase.rstrip(":;") not in text] == []


def not_on_the_page(expressions: str) -> list[str]:
    named = {re.sub("_(bucket|sum|count)$", "", name) for name in re.findall(r"\b(?:penstock|process)_\w+\b", expressions)}
    assert named
    return [name for name in sorted(named) if f'"{name}"' not in text_of("src/obs/render.cc")]


def test_each_metric_of_the_alerts_is_one_of_the_page():
    assert not_on_the_page("\n".join(re.findall(r"expr:(.*?)\n        (?:for|labels)", text_of(RULES), re.S))) == []


def test_each_metric_that_a_page_names_is_one_of_the_page():
    pages = ("README.md", "ARCHITECTURE.md", "conf/RUNBOOK.md", "conf/prometheus/README.md")
    named = [name for page in pages for name in re.findall(r"`(penstock_\w+)[`{]", text_of(page))]
    assert not_on_the_page("\n".join(named)) == []


def test_the_dashboard_is_whole():
    """tests/integration/test_dashboard.py asks its queries of a Prometheus."""
    dashboard = json.loads(text_of("conf/grafana/penstock.json"))
    panels = [panel for panel in dashboard["panels"] if panel["type"] != "row"]
    assert len({panel["id"] for panel in dashboard["panels"]}) == len(dashboard["panels"]) and len(panels) > 20
    for panel in panels:
        assert panel["description"] and panel["fieldConfig"]["defaults"]["unit"] and panel["targets"], panel["title"]
        for target in panel["targets"]:
            assert target["datasource"] == {"type": "prometheus", "uid": "${datasource}"}, panel["title"]
    assert not_on_the_page("\n".join(target["expr"] for panel in panels for target in panel["targets"])) == []


def test_prometheus_takes_what_the_page_tells_to_write(tmp_path):
    """Its own configuration, and what stands below `config` for OpenTelemetry's receiver, which hands it to Prometheus."""
    blocks = re.findall(r"```yaml\n(.*?)```", text_of("conf/prometheus/README.md"), re.S)
    own, collector = blocks
    inner = textwrap.dedent(re.search(r"^    config:\n((?:      .*\n)+)", collector, re.M)[1])
    (tmp_path / "rules.yaml").write_text(text_of(RULES))
    for config in (own, inner):
        (tmp_path / "prometheus.yml").write_text(config)
        tried = subprocess.run([PROMTOOL, "check", "config", tmp_path / "prometheus.yml"], capture_output=True, text=True, timeout=60)
        assert "scrape_configs" in config and tried.returncode == 0, tried.stdout + tried.stderr


def test_the_rules_of_kubernetes_are_the_same():
    inner = text_of(RULES).split("groups:\n", 1)[1]
    outer = text_of("container/kubernetes/components/monitoring/prometheusrule.yaml").split("  groups:\n", 1)[1]
    assert "".join(line[2:] if line.startswith("  ") else line for line in outer.splitlines(keepends=True)) == inner
