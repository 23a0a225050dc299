"""When each partition's records came into the lake, and how long nothing of one came: what somebody who reads the lake notices."""

import threading
import time
from collections import defaultdict

from harness.azurite import Azurite
from harness.lake import LandedFile
from harness.service import wait_until


class Landings(threading.Thread):
    """Looks for new files all the time, until end()."""

    def __init__(self, azurite: Azurite, container: str, partitions: int):
        super().__init__(daemon=True)
        self.times: dict[int, list[float]] = defaultdict(list)
        self._partitions = partitions
        self._client = azurite.client().get_container_client(container)
        self._seen: set[str] = set()
        self._ending = threading.Event()
        self._failed: Exception | None = None

    def run(self):
        try:
            while not self._ending.wait(0.2):
                self._look()
        except Exception as failed:  # the test's thread has to hear of it
            self._failed = failed

    def _look(self):
        for blob in self._client.list_blobs(include=["metadata"]):
            if blob.name in self._seen or not blob.metadata or "ranges" not in blob.metadata:
                continue
            self._seen.add(blob.name)
            now = time.monotonic()
            for partition in LandedFile(blob.name, b"", blob.metadata).ranges:
                self.times[partition].append(now)

    def wait_all_after(self, moment: float, timeout_s: float = 120):
        """Until something of every partition has landed after that moment."""
        def all_have() -> bool:
            assert self._failed is None, self._failed
            return all(self.times[partition][-1:] > [moment] for partition in range(self._partitions))
        wait_until(all_have, timeout_s, "records of every partition land again")

    def longest_pause(self, since: float) -> float:
        """Of any partition, between two of its files, of which the later one landed after `since`."""
        return max(later - before for times in self.times.values() for before, later in zip(times, times[1:]) if later > since)

    def end(self):
        self._ending.set()
        self.join()
        assert self._failed is None, self._failed
