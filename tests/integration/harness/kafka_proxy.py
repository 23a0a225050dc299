"""A way to a broker that keeps a commit of offsets to itself, as a path does whose packets are lost one way, and that may
alter answers.

What a peer's kernel has not had acknowledged, it sends again for as long as the connection ends in an orderly way, also
after its process closed it. It forgets all of it only when the connection is reset. The proxy does the same with what it
keeps: deliver() passes it on unless the connection was reset.
"""

import socket
import struct
import threading
from typing import Callable

from harness.service import free_port

OFFSET_COMMIT = 8


def read_frame(connection: socket.socket) -> bytes:
    """A request or an answer with its length in front."""
    head = _read(connection, 4)
    return head + _read(connection, struct.unpack(">i", head)[0])


def _read(connection: socket.socket, size: int) -> bytes:
    read = bytearray()
    while len(read) < size:
        part = connection.recv(size - len(read))
        if not part:
            raise EOFError
        read += part
    return bytes(read)


class _Connection:
    def __init__(self, client: socket.socket, upstream_port: int, proxy: "KafkaProxy"):
        self.client, self.proxy = client, proxy
        self.upstream = socket.create_connection(("127.0.0.1", upstream_port))
        self.kept = b""
        self.ended: str | None = None  # "orderly" or "reset"
        threading.Thread(target=self._forward, daemon=True).start()
        threading.Thread(target=self._answer, daemon=True).start()

    def _forward(self):
        try:
            while True:
                frame = read_frame(self.client)
                if self.kept or self.proxy.keeps(self, struct.unpack(">h", frame[4:6])[0]):
                    self.kept += frame
                else:
                    self.upstream.sendall(frame)
        except EOFError:
            self.ended = "orderly"
        except OSError:
            self.ended = "reset"
        if not self.kept:
            self.close()

    def _answer(self):
        try:
            while True:
                self.client.sendall(self.proxy.alter_answer(read_frame(self.upstream)))
        except (EOFError, OSError):
            pass
        if not self.kept:
            self.close()

    def close(self):
        for end in (self.client, self.upstream):
            try:
                end.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass
            end.close()


class Listener:
    """Listens from the start, so that a broker can advertise its port; toward(port) says where to."""

    def __init__(self, backlog: int | None = None):
        self.port = free_port()
        self.upstream_port = 0
        self._listener = socket.create_server(("127.0.0.1", self.port), backlog=backlog)

    def toward(self, upstream_port: int):
        self.upstream_port = upstream_port
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self):
        while True:
            try:
                client, _ = self._listener.accept()
            except OSError:  # closed
                return
            try:
                self._take(client)
            except OSError:  # the broker is not there
                client.close()

    def _take(self, client: socket.socket):
        raise NotImplementedError

    def close(self):
        self._listener.close()


class KafkaProxy(Listener):
    """Keeps one commit, with all that follows on its connection, until it is told to deliver it; may alter answers."""

    def __init__(self):
        super().__init__()
        self._armed = False
        self._lock = threading.Lock()
        self.keeping: _Connection | None = None
        self.alter_answer: Callable[[bytes], bytes] = lambda frame: frame  # with its length in front

    def _take(self, client: socket.socket):
        _Connection(client, self.upstream_port, self)

    def keep_next_commit(self):
        self._armed = True

    def keeps(self, connection: _Connection, api_key: int) -> bool:
        """Whether this request is the one that stays here, with all that follows on its connection."""
        with self._lock:
            if not self._armed or api_key != OFFSET_COMMIT:
                return False
            self._armed, self.keeping = False, connection
            return True

    def deliver(self):
        """What was kept arrives at the broker now, unless the connection was reset."""
        if self.keeping.ended != "reset":
            self.keeping.upstream.sendall(self.keeping.kept)

    def close(self):
        super().close()
        if self.keeping:
            self.keeping.close()
