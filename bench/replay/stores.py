"""Where the appliance's files go in a run: nowhere, to a server that keeps nothing, to Azurite.

Each is a context manager; `sink()` is the appliance's section, and `counts` says, once it has ended, which calls it took, how many
bytes of files (empty for the null store), and with `stamps` how long records took to become durable.
"""

import json
import re
import shutil
import statistics
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from harness.azurite import Azurite
from harness.paths import PRESET, ROOT
from harness.service import Service, free_port

from tls import CA_FILE, IDENTITY_FILE

ACCOUNT = "benchaccount"
KEY = "YmVuY2gtaXMtbm90LWEtc2VjcmV0"  # the discarding server verifies no signature
DISCARD_SERVER = ROOT / "build" / PRESET / "bench" / "replay_discard_server"
STAMP = re.compile(rb'"ts":(\d{13})')  # the time at which a record was sent, see stream.h
LISTED_EVERY_S = 0.1


class NullStore:
    def __init__(self, directory: Path, limit_s: int, stamps: bool = False):
        self.counts: dict = {}

    def __enter__(self):
        return self

    def __exit__(self, *_):
        pass

    def sink(self) -> dict:
        return {"url": "null:"}


class DiscardServer:
    """The blob service that keeps nothing."""

    scheme, host = "http", "127.0.0.1"

    def __init__(self, directory: Path, limit_s: int, stamps: bool = False):
        self.port = free_port()
        self.log = directory / f"discard-{self.port}.log"
        self.service = Service([DISCARD_SERVER, "--port", self.port, "--limit", limit_s, "--stamps", str(stamps).lower(),
                                *self.arguments(directory)], self.log)
        self.counts: dict = {}

    def arguments(self, directory: Path) -> list:
        return []

    def __enter__(self):
        self.service.start()
        self.service.wait_port(self.port, 20)
        return self

    def __exit__(self, kind, *_):
        self.service.stop()
        if kind is None:
            self.counts = json.loads(self.log.read_text())

    def sink(self) -> dict:
        endpoint = f"{self.scheme}://{self.host}:{self.port}/{ACCOUNT}"
        return {"url": f"{endpoint}/lake/raw",
                "auth": {"type": "connection-string",
                         "value": f"DefaultEndpointsProtocol={self.scheme};AccountName={ACCOUNT};AccountKey={KEY};BlobEndpoint={endpoint};"}}


class HttpsDiscardServer(DiscardServer):
    """The same over HTTPS, with the certificate that tls.Listener has put into the directory."""

    scheme, host = "https", "localhost"

    def arguments(self, directory: Path) -> list:
        self.directory = directory
        return ["--identity", directory / IDENTITY_FILE]

    def sink(self) -> dict:
        return {**super().sink(), "tls": {"ca": str(self.directory / CA_FILE)}}


class AzuriteStore:
    """A real blob service, in Node. With `stamps` it is asked again and again for its list: a file's time is when it is first there."""

    def __init__(self, directory: Path, limit_s: int, stamps: bool = False):
        self.directory = directory / f"azurite-{free_port()}"
        self.azurite = Azurite(self.directory)
        self.stamps = stamps
        self.first_seen_ms: dict[str, float] = {}
        self.counts: dict = {}
        self._end = threading.Event()
        self._watch = ThreadPoolExecutor(1)

    def __enter__(self):
        self.azurite.start()
        self.container = self.azurite.create_container()
        self.client = self.azurite.client().get_container_client(self.container)
        if self.stamps:
            self._watched = self._watch.submit(self._list_again_and_again)
        return self

    def __exit__(self, kind, *_):
        try:
            self._end.set()
            if kind is None:
                self.counts = self._counted()
        finally:
            self._watch.shutdown()
            self.azurite.stop()
            shutil.rmtree(self.directory)

    def sink(self) -> dict:
        return self.azurite.sink(self.container)

    def _list_again_and_again(self):
        while not self._end.wait(LISTED_EVERY_S):
            self._list()

    def _list(self):
        for name in self.client.list_blob_names():
            self.first_seen_ms.setdefault(name, time.time() * 1000)

    def _counted(self) -> dict:
        counts = dict.fromkeys(("put_block", "put_block_list", "put_blob", "body_bytes"), 0)
        for blob in self.client.list_blobs():
            blocks, _ = self.client.get_blob_client(blob.name).get_block_list("committed")
            counts["put_block"] += len(blocks)
            counts["put_block_list" if blocks else "put_blob"] += 1
            counts["body_bytes"] += blob.size
        if self.stamps:
            self._watched.result()  # or the error that has ended it
            self._list()
            waits = list(self._waits_ms())
            cuts = statistics.quantiles(waits, n=100)
            counts |= {"stamped": len(waits), "p50_ms": round(cuts[49]), "p99_ms": round(cuts[98]), "max_ms": round(max(waits))}
        return counts

    def _waits_ms(self) -> Iterator[float]:
        """Of each record, from the time that it carries to its file's."""
        for name, seen_ms in self.first_seen_ms.items():
            for stamp in STAMP.findall(self.client.download_blob(name).readall()):
                yield seen_ms - int(stamp)


STORES = {"null": NullStore, "http": DiscardServer, "https": HttpsDiscardServer, "azurite": AzuriteStore}
