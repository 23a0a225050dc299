"""One of the ways to run penstock of container/kubernetes, applied to the test's cluster, under load."""

import json
import os
import signal
import time
import urllib.error
import urllib.request
from pathlib import Path

from prometheus_client.parser import text_string_to_metric_families

from harness.azurite import ACCOUNT, Azurite
from harness.book import CountingBook
from harness.kafka import Kafka
from harness.lake import files_of
from harness.landings import Landings
from harness.load import Load
from harness.paths import ROOT
from harness.penstock import run_command
from harness.secrets_told import assert_none, secret
from harness.service import wait_until
from harness.tally import tally
from node.cluster import Cluster

KUBERNETES = ROOT / "container" / "kubernetes"
PARTITIONS = 8
PER_SECOND = 400
ADMIN = 9464
ADMIN_TOKEN = secret("who-may-look-at-the-pods")


class Deployed:
    """`base`: a directory of container/kubernetes, which a kustomization of the test's own names as anybody's would."""

    def __init__(self, cluster: Cluster, kafka: Kafka, azurite: Azurite, directory: Path, base: str, workload: str,
                 image: str, changes: dict):
        self.cluster, self.kafka, self.azurite, self.directory = cluster, kafka, azurite, directory
        self.base, self.workload, self.changes = base, workload, changes
        self.topic = kafka.create_topic(PARTITIONS)
        self.group = f"penstock-{self.topic}"
        self.container = azurite.create_container()
        self.book = CountingBook(kafka, self.topic)
        self.load = Load(self.book, PARTITIONS, PER_SECOND)
        self.landings = Landings(azurite, self.container, PARTITIONS)
        self.pauses: dict[str, float] = {}
        self._write(image)

    # The kustomization

    def _write(self, image: str):
        overlay = self.directory / "overlay"
        overlay.mkdir(parents=True, exist_ok=True)
        (overlay / "penstock.yaml").write_text(json.dumps(self._configuration(
            "/etc/penstock/ca.pem", "${file:/run/secrets/penstock/storage-key}", "${PENSTOCK_INSTANCE}",
            "${file:/run/secrets/penstock/admin-token}"), indent=2))
        (overlay / "ca.pem").write_bytes(self.azurite.ca.read_bytes())
        name, tag = image.rsplit(":", 1)
        kustomization = {
            "apiVersion": "kustomize.config.k8s.io/v1beta1", "kind": "Kustomization", "namespace": "penstock",
            "resources": [os.path.relpath(KUBERNETES / self.base, overlay.resolve())],
            "configMapGenerator": [{"name": "penstock", "behavior": "replace", "files": ["penstock.yaml", "ca.pem"]}],
            "images": [{"name": "penstock", "newName": name, "newTag": tag}]}
        components = [os.path.relpath(KUBERNETES / each, overlay.resolve()) for each in self.changes.get("components", [])]
        (overlay / "kustomization.yaml").write_text(json.dumps(
            {**kustomization, **self.changes, "components": components}, indent=2))
        self.overlay = overlay

    def _configuration(self, ca: str, key: str, instance: str, token: str = ADMIN_TOKEN) -> dict:
        return {
            "name": "gateway",
            "source": {"brokers": [self.kafka.bootstrap], "topics": [self.topic], "group": self.group, "instance": instance},
            "batch": {"max_age": "2s"},
            "sink": {"url": f"{self.azurite.account_url(None)}/{self.container}/raw", "tls": {"ca": ca},
                     "auth": {"type": "shared-key", "account": ACCOUNT, "key": key}},
            "stage": {"dir": "/var/lib/penstock", "max_bytes": "256MiB"},
            "admin": {"listen": f"0.0.0.0:{ADMIN}", "token": token},
            "log": {"format": "json"},
        }

    # What is done to it

    def apply(self):
        (self.directory / "storage-key").write_text(self.azurite.key)
        (self.directory / "admin-token").write_text(ADMIN_TOKEN)
        made = self.cluster.kubectl("-n", "penstock", "create", "secret", "generic", "penstock", "--dry-run=client", "-o", "json",
                                    f"--from-file={self.directory / 'storage-key'}",
                                    f"--from-file={self.directory / 'admin-token'}").stdout
        self.cluster.kubectl("apply", "-f", "-", input=made)
        done = self.cluster.kubectl("apply", "-k", self.overlay, "--validate=strict", "--warnings-as-errors")
        assert "Warning" not in done.stderr, done.stderr
        self.rolled_out()

    def rolled_out(self):
        self.cluster.kubectl("-n", "penstock", "rollout", "status", self.workload, "--timeout=180s", timeout_s=200)

    def start_load(self):
        self.load.start()
        self.landings.start()
        self.landings.wait_all_after(0)

    def event(self, what: str, act):
        """Does it, waits until records of every partition land again, and tells the longest pause of one."""
        began = time.monotonic()
        act()
        acted = time.monotonic()
        for _ in range(2):  # the second time, the group has settled as well
            self.landings.wait_all_after(time.monotonic())
        self.pauses[what] = self.landings.longest_pause(began)
        print(f"{self.workload}: {what}: {acted - began:.1f} s; the longest pause of a partition {self.pauses[what]:.1f} s",
              flush=True)

    def undisturbed(self):
        time.sleep(8)  # what is measured is that nothing happens for so long

    def crash(self):
        """kill -9: the kubelet starts the container again, in the same pod."""
        before = self.restarts()
        os.kill(self.process(), signal.SIGKILL)
        wait_until(lambda: self.restarts() > before, 60, "the container was started again")
        self.rolled_out()

    def delete(self, *words: str):
        first = self.pods()[0]["metadata"]
        count = len(self.pods())
        self.cluster.kubectl("-n", "penstock", "delete", "pod", first["name"], *words)
        wait_until(lambda: len(self.ready(without=first["uid"])) == count, 120, "another pod is ready in its place")

    def update(self, image: str):
        self._write(image)
        before = {pod["metadata"]["uid"] for pod in self.pods()}
        self.cluster.kubectl("apply", "-k", self.overlay, "--validate=strict", "--warnings-as-errors")
        self.rolled_out()
        running = self.pods()
        assert not before & {pod["metadata"]["uid"] for pod in running}, "a pod of before the update still runs"
        assert all(pod["spec"]["containers"][0]["image"] == image for pod in running)

    # What is seen of it

    def pods(self) -> list[dict]:
        """Those that are not about to end, by name."""
        found = self.cluster.get("-n", "penstock", "pods", "-l", "app.kubernetes.io/name=penstock")["items"]
        return sorted((pod for pod in found if "deletionTimestamp" not in pod["metadata"]), key=lambda pod: pod["metadata"]["name"])

    def ready(self, without: str = "") -> list[dict]:
        return [pod for pod in self.pods() if pod["metadata"]["uid"] != without and any(
            condition["type"] == "Ready" and condition["status"] == "True" for condition in pod["status"].get("conditions", []))]

    def restarts(self) -> int:
        return sum(status["restartCount"] for pod in self.pods() for status in pod["status"].get("containerStatuses", []))

    def process(self) -> int:
        """Of the first pod. All processes of the node are seen here."""
        uid = self.pods()[0]["metadata"]["uid"]
        for comm in Path("/proc").glob("[0-9]*/comm"):
            try:
                if comm.read_text().strip() == "penstock" and uid in (comm.parent / "cgroup").read_text():
                    return int(comm.parent.name)
            except OSError:  # it has ended
                pass
        raise AssertionError(f"no process of pod {uid}")

    def get(self, pod: dict, path: str) -> str:
        asked = urllib.request.Request(f"http://{pod['status']['podIP']}:{ADMIN}{path}",
                                       headers={"Authorization": f"Bearer {ADMIN_TOKEN}"})
        with urllib.request.urlopen(asked, timeout=5) as reply:
            page = reply.read().decode()
        assert_none(page, path)
        return page

    def metric(self, pod: dict, name: str, **labels: str) -> float:
        samples = [sample for family in text_string_to_metric_families(self.get(pod, "/metrics")) for sample in family.samples
                   if sample.name == name and labels.items() <= sample.labels.items()]
        assert samples, f"no {name}{labels} on the metrics page"
        return sum(sample.value for sample in samples)

    def peak_memory(self, pod: dict) -> int:
        """Bytes of the pod's control group at most, page cache included."""
        uid = pod["metadata"]["uid"]
        group = next(Path("/sys/fs/cgroup/memory").glob(f"penstock-kubernetes-*/**/pod{uid}"))
        return int((group / "memory.max_usage_in_bytes").read_text())

    # The end

    def assert_exact(self):
        """Ends the load, waits for what is under way, and compares every line of the lake with what was sent."""
        self.load.end()
        ends = dict(self.book.offsets)
        wait_until(lambda: self.kafka.committed(self.group, self.topic, PARTITIONS) == ends, 120,
                   "all that was sent is committed", 0.5)
        self.landings.end()
        for log in Path("/var/log/pods").rglob("*.log"):
            assert_none(log.read_text(errors="replace"), str(log))
        counted = tally(self.book, files_of(self.azurite, self.container))
        print(f"{self.workload}: {counted}", flush=True)
        assert not counted.faults and counted.lost == counted.doubled == 0, counted.faults[:5]
        assert counted.lines == self.book.records > 0
        config = self.directory / "verify.yaml"
        config.write_text(json.dumps(self._configuration(str(self.azurite.ca), self.azurite.key, "none")))
        done = run_command("verify", "--config", config, "--deep", timeout_s=120)
        assert done.returncode == 0, done.stdout + done.stderr

    def remove(self):
        """All but the namespace, so that the next one begins anew."""
        if self.load.is_alive():
            self.load.end()
        if self.landings.is_alive():
            self.landings.end()
        self.cluster.kubectl("delete", "-k", self.overlay, "--wait=true", check=False)
        wait_until(lambda: not self.cluster.get("-n", "penstock", "pods")["items"], 120, "no pod is left", 1)
