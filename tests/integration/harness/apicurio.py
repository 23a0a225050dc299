"""Apicurio Registry on the loopback, from build/deps/apicurio: a schema registry that nobody here wrote. It has Confluent's API
and one of its own, and forgets everything when it ends. `./dev setup witnesses` installs it."""

import json
import urllib.request
from pathlib import Path

from harness.kafka import JVM_FLAGS
from harness.paths import DEPS
from harness.service import Service, free_port, wait_until


class ApicurioNode:
    def __init__(self, directory: Path):
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        jar, = (DEPS / "apicurio").glob("*-runner.jar")
        self.service = Service(["java", *JVM_FLAGS, "-Dquarkus.http.host=127.0.0.1", f"-Dquarkus.http.port={self.port}", "-jar", jar],
                               directory / "apicurio.log")

    def start(self):
        self.service.start()
        self.service.wait_port(self.port, 120)
        wait_until(self._is_ready, 60, "Apicurio is ready")

    def _is_ready(self) -> bool:
        try:
            with urllib.request.urlopen(f"{self.url}/health/ready", timeout=5) as reply:
                return reply.status == 200
        except OSError:
            return False

    def register(self, artifact: str, schema: dict) -> dict:
        """By its own API, which tells of each artifact its `globalId` and `contentId`."""
        asked = urllib.request.Request(
            f"{self.url}/apis/registry/v2/groups/default/artifacts?ifExists=UPDATE", json.dumps(schema).encode(),
            {"Content-Type": "application/json", "X-Registry-ArtifactType": "AVRO", "X-Registry-ArtifactId": artifact})
        with urllib.request.urlopen(asked, timeout=30) as reply:
            return json.load(reply)
