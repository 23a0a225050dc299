"""A Prometheus that scrapes what a test runs, and is asked for what a dashboard or an alert would ask it."""

import json
import re
import shutil
import urllib.error
import urllib.parse
import urllib.request
from pathlib import Path

from harness.paths import DEPS
from harness.service import Service, free_port, wait_until


def server_binary() -> str | None:
    """`./dev setup test` unpacks it beside promtool."""
    return shutil.which("prometheus") or shutil.which(str(DEPS / "promtool" / "prometheus"))


class Prometheus:
    """One scrape a second, so that a rate over half a minute has something to be made of soon."""

    def __init__(self, directory: Path, job: str, ports: list[int], rules: Path):
        directory.mkdir(parents=True)
        self.port = free_port()
        config = {"global": {"scrape_interval": "1s", "evaluation_interval": "1s"}, "rule_files": [str(rules)],
                  "scrape_configs": [{"job_name": job, "static_configs": [{"targets": [f"127.0.0.1:{port}" for port in ports]}]}]}
        file = directory / "prometheus.yml"
        file.write_text(json.dumps(config))  # YAML takes JSON as it is
        self.service = Service([server_binary(), f"--config.file={file}", f"--storage.tsdb.path={directory / 'data'}",
                                f"--web.listen-address=127.0.0.1:{self.port}"], directory / "prometheus.log")

    def __enter__(self):
        self.service.start()
        self.service.wait_port(self.port)
        wait_until(self._is_ready, 30, "Prometheus is ready")
        return self

    def __exit__(self, *_):
        self.service.kill()

    def _is_ready(self) -> bool:
        try:
            return urllib.request.urlopen(f"http://127.0.0.1:{self.port}/-/ready", timeout=5).status == 200
        except urllib.error.HTTPError:  # 503: it opens its store
            return False

    def ask(self, path: str, **words: str):
        """The `data` of the answer. AssertionError: it says that it is asked for nonsense."""
        url = f"http://127.0.0.1:{self.port}/api/v1/{path}?{urllib.parse.urlencode(words)}"
        try:
            with urllib.request.urlopen(url, timeout=10) as reply:
                return json.load(reply)["data"]
        except urllib.error.HTTPError as refused:
            raise AssertionError(f"{words}: {refused.code} {refused.read().decode()}") from None

    def query(self, expression: str) -> list[float]:
        """The value of each series that it gives now; one that is not a number is none."""
        values = (float(series["value"][1]) for series in self.ask("query", query=expression)["result"])
        return [value for value in values if value == value]

    def label_values(self, query: str) -> list[str]:
        """As Grafana asks for the values of a variable: label_values(SERIES, LABEL)."""
        series, label = re.fullmatch(r"label_values\((.+), (\w+)\)", query).groups()
        return sorted({found[label] for found in self.ask("series", **{"match[]": series}) if label in found})
