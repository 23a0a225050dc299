"""A producer that goes on while pods come and go."""

import threading
import time

from harness.book import CountingBook

BEAT_S = 0.05


class Load(threading.Thread):
    def __init__(self, book: CountingBook, partitions: int, per_second: int):
        super().__init__(daemon=True)
        self._book, self._partitions, self._per_beat = book, partitions, round(per_second * BEAT_S)
        self._ending = threading.Event()
        self._failed: Exception | None = None

    def run(self):
        try:
            count, due = 0, time.monotonic()
            while not self._ending.is_set():
                for _ in range(self._per_beat):
                    self._book.send_next(count % self._partitions)
                    count += 1
                due += BEAT_S
                time.sleep(max(0, due - time.monotonic()))
            self._book.flush()
        except Exception as failed:  # the test's thread has to hear of it
            self._failed = failed

    def end(self):
        self._ending.set()
        self.join()
        assert self._failed is None, self._failed
