"""What operators are given: alerts that fire, manifests that say the same, a runbook with a section for each of them."""

import re
import subprocess

import pytest
from comments import ROOT, text_of

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


def test_each_metric_of_the_alerts_is_one_of_the_page():
    rendered = text_of("src/obs/render.cc")
    named = set(re.findall(r"\bpenstock_\w+\b", "\n".join(re.findall(r"expr:(.*?)\n        (?:for|labels)", text_of(RULES), re.S))))
    assert named
    assert [name for name in sorted(named) if f'"{name}"' not in rendered] == []


def test_the_rules_of_kubernetes_are_the_same():
    inner = text_of(RULES).split("groups:\n", 1)[1]
    outer = text_of("container/kubernetes/components/monitoring/prometheusrule.yaml").split("  groups:\n", 1)[1]
    assert "".join(line[2:] if line.startswith("  ") else line for line in outer.splitlines(keepends=True)) == inner
