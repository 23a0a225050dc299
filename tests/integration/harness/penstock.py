"""The penstock process under test, and what can be asked of it from outside."""

import json
import os
import re
import signal
import subprocess
import urllib.error
import urllib.request
from pathlib import Path

from prometheus_client.parser import text_string_to_metric_families

from harness.paths import penstock_binary
from harness.secrets_told import assert_none
from harness.service import OutOfTime, Service, free_port, wait_until

# "debug" for a run in which every line is looked through for secrets.
LOG_LEVEL = os.environ.get("PENSTOCK_TEST_LOG_LEVEL", "info")


def merged(base: dict, changes: dict) -> dict:
    result = dict(base)
    for key, value in changes.items():
        result[key] = merged(result[key], value) if isinstance(value, dict) and isinstance(result.get(key), dict) else value
    return result


def base_config(directory: Path, topics: list[str], brokers: str, sink: dict) -> dict:
    """A configuration that lands quickly; a test merges its own changes into it."""
    return {
        "name": "gateway",
        "source": {"brokers": [brokers], "topics": topics, "group": "penstock-test", "fence_wait": "500ms",
                   "librdkafka": {"session.timeout.ms": 6000, "heartbeat.interval.ms": 1000}},
        "batch": {"max_age": "2s", "max_bytes": "64MiB"},
        "sink": sink,
        "stage": {"dir": str(directory / "stage"), "max_bytes": "1GiB"},
        "runtime": {"workers": 1},
        "log": {"level": LOG_LEVEL},
    }


def run_command(*words, timeout_s: float = 60) -> subprocess.CompletedProcess:
    """A penstock command that ends by itself."""
    done = subprocess.run([penstock_binary(), *map(str, words)], capture_output=True, text=True, errors="replace",
                          timeout=timeout_s, stdin=subprocess.DEVNULL)
    assert_none(done.stdout + done.stderr, f"penstock {' '.join(map(str, words))}")
    return done


def told(reply, path: str) -> str:
    page = reply.read().decode()
    assert_none(page, path)
    return page


class Penstock:
    """`penstock run` on a configuration file of its own. It may be started again after it ended."""

    def __init__(self, directory: Path, config: dict, *arguments: str):
        directory.mkdir(parents=True, exist_ok=True)
        self.admin_port = free_port()
        self.config = merged({"admin": {"listen": f"127.0.0.1:{self.admin_port}"}}, config)
        if self.config.get("source", {}).get("fetch") == "librdkafka":  # whose commits are not ours to stamp
            self.config.setdefault("guarantee", "at_least_once")
        self.file = directory / "penstock.yaml"
        # YAML takes JSON as it is.
        self.file.write_text(json.dumps(self.config, indent=2))
        self.service = Service([penstock_binary(), "run", "--config", self.file, *arguments], directory / "penstock.log")

    def __enter__(self):
        return self

    def __exit__(self, failed, *_):
        self.service.kill()
        if not failed:
            self.assert_nothing_reported()

    def start(self, ready_within_s: float = 60):
        self.service.start()
        wait_until(self._ready_or_ended, ready_within_s, "penstock is ready", 0.05)
        return self

    def _ready_or_ended(self) -> bool:
        assert self.service.running, f"ended with {self.service.process.returncode}:\n{self.output[-3000:]}"
        return self.get("/readyz")[0] == 200

    def get(self, path: str) -> tuple[int, str]:
        """Status and body; status 0 when nobody answers, and then why, and whether the process lives."""
        assert_none(self._command_line(), "the command line")
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{self.admin_port}{path}", timeout=5) as reply:
                return reply.status, told(reply, path)
        except urllib.error.HTTPError as refused:
            return refused.code, told(refused, path)
        except OSError as unanswered:
            process = getattr(getattr(self, "service", None), "process", None)  # none of who only knows a port
            code = process.poll() if process else "not started"
            return 0, f"{unanswered!r}; the process {'runs' if code is None else f'does not run: {code}'}"

    def _command_line(self) -> str:
        """As every user of the machine can read it; empty when nothing runs."""
        try:
            return Path(f"/proc/{self.service.process.pid}/cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace")
        except (AttributeError, OSError):
            return ""

    def _metrics_page(self) -> str:
        status, page = self.get("/metrics")
        assert status == 200, f"/metrics answers {status}: {page[:300]}"
        return page

    def metric(self, name: str, **labels: str) -> float:
        """The sum over all samples of that name which carry these labels."""
        page = self._metrics_page()
        samples = [sample for family in text_string_to_metric_families(page) for sample in family.samples
                   if sample.name == name and labels.items() <= sample.labels.items()]
        assert samples, f"no {name}{labels} on the metrics page"
        return sum(sample.value for sample in samples)

    def has_landed_until(self, topic: str) -> float | None:
        """The metric of `penstock landed`; None while it is not known."""
        page = self._metrics_page()
        values = [sample.value for family in text_string_to_metric_families(page) for sample in family.samples
                  if sample.name == "penstock_landed_until_seconds" and sample.labels["topic"] == topic]
        return values[0] if values else None

    def has_workers(self) -> bool:
        """Whether they are on the metrics page: it is there before them."""
        status, page = self.get("/metrics")
        return status == 200 and "penstock_records_received_total" in page

    def wait_metric(self, name: str, at_least: float, timeout_s: float = 60, **labels: str) -> float:
        wait_until(lambda: self.metric(name, **labels) >= at_least, timeout_s, f"{name} reaches {at_least}")
        return self.metric(name, **labels)

    def terminate(self, timeout_s: float = 60) -> int:
        """SIGTERM; the exit code after draining."""
        self.service.send(signal.SIGTERM)
        return self.wait(timeout_s)

    def wait(self, timeout_s: float = 60) -> int:
        try:
            return self.service.wait(timeout_s)
        except subprocess.TimeoutExpired:
            raise OutOfTime(f"still running after {timeout_s} s:\n{self.output[-3000:]}") from None

    @property
    def output(self) -> str:
        return self.service.output()

    def ends_with(self, exit_code: int, *words: str, timeout_s: float = 60):
        """Of itself, soon, and not by a crash. Each of the words is in its last sentence, before the line that counts."""
        assert self.wait(timeout_s) == exit_code, self.output
        self.assert_did_not_crash()
        last = [line for line in self.output.splitlines()
                if line.startswith("penstock: ") and not line.startswith("penstock: landed ")][-1:]
        assert last and all(word in last[0] for word in words), f"not all of {words} are in: {last}\n{self.output[-3000:]}"

    @property
    def peak_rss_bytes(self) -> int:
        return self._status_bytes("VmHWM")

    @property
    def rss_bytes(self) -> int:
        return self._status_bytes("VmRSS")

    def _status_bytes(self, key: str) -> int:
        status = Path(f"/proc/{self.service.pid}/status").read_text()
        return int(re.search(rf"^{key}:\s+(\d+) kB$", status, re.M)[1]) * 1024

    def assert_nothing_reported(self):
        """No sanitizer's report, no failed CHECK, no signal but those that tests send. An exit code tells less:
        AddressSanitizer's is 1, as a refusal's."""
        assert_none(self.output, "the log")
        code = self.service.process.poll() if self.service.process else None
        assert code is None or code >= 0 or -code in (signal.SIGKILL, signal.SIGTERM), \
            f"ended by signal {-code}:\n{self.output[-3000:]}"
        assert not re.search(r"(Sanitizer|CHECK\(|terminate called|runtime error:)", self.output), self.output[-5000:]

    def assert_did_not_crash(self):
        """Nothing reported and no signal: whatever it met, it met on purpose."""
        self.assert_nothing_reported()
        assert self.service.running or self.service.process.returncode >= 0, \
            f"ended by signal {-self.service.process.returncode}:\n{self.output[-3000:]}"
