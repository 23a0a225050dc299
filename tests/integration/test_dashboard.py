"""The dashboard and the alerts against a real Prometheus: each query gives something after a run that met some trouble."""

import json
import re

import pytest

from harness.fault_proxy import Fault, is_blob_commit
from harness.paths import ROOT
from harness.prometheus import Prometheus, server_binary
from harness.service import wait_until

DASHBOARD = ROOT / "conf" / "grafana" / "penstock.json"
RULES = ROOT / "conf" / "prometheus" / "rules.yaml"


def filled_in(expression: str) -> str:
    """As Grafana does with the variable All, and with a scrape interval as short as here."""
    for variable, value in {"$__rate_interval": "30s", "$job": ".*", "$instance": ".*", "$topic": ".*"}.items():
        expression = expression.replace(variable, value)
    assert "$" not in expression, f"what is this variable? {expression}"
    return expression


def queries(dashboard: dict) -> dict[str, str]:
    """By panel and letter."""
    found = {f"{panel['title']} {target['refId']}": filled_in(target["expr"])
             for panel in dashboard["panels"] for target in panel.get("targets", [])}
    found |= {f"annotation {each['name']}": filled_in(each["expr"]) for each in dashboard["annotations"]["list"]}
    assert len(found) > 40
    return found


@pytest.fixture
def scraped(deployment, kafka, azurite, proxy, tmp_path):
    """A penstock that lands two topics and is refused now and then, and the Prometheus that scrapes it."""
    if not server_binary():
        pytest.skip("no prometheus on this machine")
    deployed = deployment(kafka, azurite)
    topics = [kafka.create_topic(2), kafka.create_topic(2)]
    penstock = deployed.penstock(deployed.config(topics, port=proxy.port)).start()
    proxy.add(Fault(is_blob_commit, status=503))
    with Prometheus(tmp_path / "prometheus", "penstock", [penstock.admin_port], RULES) as prometheus:
        def go_on():
            for topic in topics:
                deployed.send(topic, 2, 20)
        yield prometheus, go_on
    deployed.wait_landed(60)
    assert penstock.terminate() == 0
    deployed.assert_exactly()


def test_every_query_of_the_dashboard_gives_something(scraped):
    prometheus, go_on = scraped
    dashboard = json.loads(DASHBOARD.read_text())
    left = queries(dashboard)
    for expression in left.values():
        prometheus.ask("format_query", query=expression)
    started = left.pop("annotation starts")

    def all_give() -> bool:
        go_on()
        for name in [name for name, expression in left.items() if prometheus.query(expression)]:
            del left[name]
        return not left
    try:
        wait_until(all_give, 90, "each query gives something", 1)
    except AssertionError:
        pytest.fail(f"these give nothing: {json.dumps(left, indent=2)}")
    assert prometheus.query(started) == [], "it has not started again"
    for variable in dashboard["templating"]["list"]:
        if variable["type"] == "query":
            assert prometheus.label_values(filled_in(variable["definition"])), variable["definition"]


def test_the_alerts_are_read_and_are_silent_while_all_is_well(scraped):
    prometheus, go_on = scraped

    def evaluated() -> list[dict]:
        go_on()
        rules = [rule for group in prometheus.ask("rules")["groups"] for rule in group["rules"]]
        return rules if all(rule["health"] == "ok" for rule in rules) and prometheus.query("penstock_ready") else []
    rules = wait_until(evaluated, 60, "each rule was evaluated", 1)
    assert {rule["name"] for rule in rules} == set(re.findall(r"- alert: (\w+)", RULES.read_text()))
    assert [rule["name"] for rule in rules if rule["state"] == "firing"] == []
