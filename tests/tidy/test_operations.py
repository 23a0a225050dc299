"""What operators are given: alerts that fire, manifests that say the same, a runbook with a section for each of them."""

import re
import subprocess

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


def test_each_metric_of_the_alerts_is_one_of_the_page():
    rendered = text_of("src/obs/render.cc")
    named = set(re.findall(r"\bpenstock_\w+\b", "\n".join(re.findall(r"expr:(.*?)\n        (?:for|labels)", text_of(RULES), re.S))))
    assert named
    assert [name for name in sorted(named) if f'"{name}"' not in rendered] == []


def test_the_rules_of_kubernetes_are_the_same():
    inner = text_of(RULES).split("groups:\n", 1)[1]
    outer = text_of("container/kubernetes/components/monitoring/prometheusrule.yaml").split("  groups:\n", 1)[1]
    assert "".join(line[2:] if line.startswith("  ") else line for line in outer.splitlines(keepends=True)) == inner
