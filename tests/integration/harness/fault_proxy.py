"""An HTTP proxy between penstock and the blob service that fails on request and keeps a log of what passed.

Shared Key signs the path and headers but not the host, so a request is as valid behind another port.
"""

import http.client
import socket
import struct
import threading
import time
from collections import deque
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Callable
from urllib.parse import unquote

from harness.service import free_port


@dataclass
class Request:
    """A request as it arrived; `status` is what was answered, 0 for no answer."""

    method: str
    path: str  # with its query
    headers: dict
    body_bytes: int
    at: float = field(default_factory=time.monotonic)
    status: int = 0

    @property
    def is_data_write(self) -> bool:
        return self.method == "PUT" and "restype=container" not in self.path


def is_put_block(request: Request) -> bool:
    return request.method == "PUT" and "comp=block&" in request.path + "&"


def is_blob_commit(request: Request) -> bool:
    """What makes a blob of the data path appear: Put Block List, Put Blob; tombstones count, the probe at the start does not."""
    return (request.is_data_write and "_penstock" not in request.path
            and ("comp=blocklist" in request.path or "comp=" not in request.path))


@dataclass
class Fault:
    """What to do with the next `count` requests that `matches` names: at most one of the actions, a delay before it, and
    what is called when the request has arrived, or when it has taken effect and nobody was told yet."""

    matches: Callable[[Request], bool]
    count: int = 1
    status: int = 0  # answer this instead of the service
    headers: dict = field(default_factory=dict)
    code: str = "ServerBusy"  # x-ms-error-code of `status`; empty: none
    body: bytes = b""  # of `status`
    reset: bool = False  # break the connection instead of passing the request on
    lose_reply: bool = False  # pass it on, then break the connection: done, and the client cannot know
    damage: bool = False  # pass it on with one bit of its body turned
    cut_reply: int = 0  # pass it on, send so many bytes of the reply, then break the connection
    silent: bool = False  # take it, and never answer nor pass it on
    changed: dict = field(default_factory=dict)  # pass it on, and answer with these headers in place of the service's
    delay_s: float = 0  # pass it on later
    on_arrival: Callable[[], None] | None = None
    on_effect: Callable[[], None] | None = None
    requests: list[Request] = field(default_factory=list, init=False)  # those that it was done to

    @property
    def blob(self) -> str:
        """The name in the container of the blob that the last one was for."""
        return unquote(self.requests[-1].path.split("?")[0].split("/", 3)[3])


class Rate:
    """So many requests a second are taken, and what comes in a second may come at once."""

    def __init__(self, per_second: float):
        self.per_second, self.tokens, self.at = per_second, per_second, time.monotonic()
        self.refused = 0

    def takes(self) -> bool:
        now = time.monotonic()
        self.tokens = min(self.per_second, self.tokens + (now - self.at) * self.per_second)
        self.at = now
        if self.tokens < 1:
            self.refused += 1
            return False
        self.tokens -= 1
        return True


class FaultProxy:
    def __init__(self, upstream_port: int, keep: int | None = None):
        """`keep`: of the requests only the last so many are remembered."""
        self.rate: Rate | None = None  # of data writes; what is beyond gets 503 ServerBusy
        self.upstream_port = upstream_port
        self.requests: deque[Request] = deque(maxlen=keep)
        self._faults: list[Fault] = []
        self._lock = threading.Lock()
        self._server: _Server | None = None
        self.port = free_port()
        # Bound and not listening, also while it is down: it refuses connections, and no other run on the machine takes the port.
        self._place = socket.socket()
        self._place.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        self._place.bind(("127.0.0.1", self.port))
        self.up()

    def add(self, fault: Fault, first: bool = False):
        """`first`: before those that are there already."""
        with self._lock:
            self._faults.insert(0 if first else len(self._faults), fault)

    def remove(self, fault: Fault):
        with self._lock:
            if fault in self._faults:
                self._faults.remove(fault)

    def clear(self):
        with self._lock:
            self._faults.clear()

    def up(self):
        """Listens, on the same port as before."""
        self._server = _Server(("127.0.0.1", self.port), self)
        threading.Thread(target=self._server.serve_forever, args=(0.05,), daemon=True).start()

    def down(self):
        """Refuses connections and breaks those that are open."""
        if self._server:
            self._server.shutdown()
            self._server.server_close()
            self._server.break_connections()
            self._server = None

    def fault_for(self, request: Request) -> Fault | None:
        with self._lock:
            self.requests.append(request)
            if self.rate and request.is_data_write and not self.rate.takes():
                return Fault(lambda _: True, status=503)
            for fault in self._faults:
                if fault.matches(request):
                    fault.count -= 1
                    fault.requests.append(request)
                    if fault.count <= 0:
                        self._faults.remove(fault)
                    return fault
        return None

    def seen(self, matches: Callable[[Request], bool]) -> list[Request]:
        with self._lock:
            return [request for request in self.requests if matches(request)]


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    allow_reuse_address = True
    request_queue_size = 64

    def __init__(self, address, proxy: FaultProxy):
        self.proxy = proxy
        self._open: set[socket.socket] = set()
        super().__init__(address, _Handler)

    def process_request(self, request, client_address):
        self._open.add(request)
        super().process_request(request, client_address)

    def shutdown_request(self, request):
        self._open.discard(request)
        super().shutdown_request(request)

    def handle_error(self, request, client_address):
        pass  # a client that hung up is what these tests are about

    def break_connections(self):
        for connection in list(self._open):
            _break(connection)


def _break(connection: socket.socket):
    try:
        # Linger of zero: the peer sees a reset, not an orderly end.
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        connection.shutdown(socket.SHUT_RDWR)
    except OSError:
        pass


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    # Python writes a reply's head and body apart; without this each waits for the other's acknowledgement.
    disable_nagle_algorithm = True
    server: _Server

    def _serve(self):
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        request = Request(self.command, self.path, dict(self.headers), len(body))
        fault = self.server.proxy.fault_for(request)
        if fault and fault.on_arrival:
            fault.on_arrival()
        if fault and fault.delay_s:
            time.sleep(fault.delay_s)
        if fault and fault.reset:
            return self._drop()
        if fault and fault.silent:
            self.rfile.read(1)  # until the client gives up
            return self._drop()
        if fault and fault.status:
            request.status = fault.status
            code = {"x-ms-error-code": fault.code} if fault.code else {}
            return self._reply(fault.status, {**code, **fault.headers}, fault.body)
        if fault and fault.damage and body:
            body = body[:-1] + bytes([body[-1] ^ 1])
        try:
            status, headers, reply = self._pass_on(body)
        except (OSError, http.client.HTTPException):
            return self._drop()
        if fault and fault.on_effect:
            fault.on_effect()
        if fault and fault.lose_reply:
            return self._drop()
        if fault and fault.cut_reply:
            head = f"HTTP/1.1 {status} X\r\n" + "".join(f"{name}: {value}\r\n" for name, value in headers.items())
            self.wfile.write((head.encode() + b"\r\n" + reply)[:fault.cut_reply])
            self.wfile.flush()
            return self._hang_up()
        request.status = status
        changed = {name.lower(): value for name, value in (fault.changed if fault else {}).items()}
        kept = {name: value for name, value in headers.items() if name.lower() not in changed}
        self._reply(status, {**kept, **changed}, reply)

    do_GET = do_HEAD = do_PUT = do_POST = do_DELETE = _serve

    def _pass_on(self, body: bytes):
        upstream = http.client.HTTPConnection("127.0.0.1", self.server.proxy.upstream_port, timeout=60)
        try:
            upstream.putrequest(self.command, self.path, skip_host=True, skip_accept_encoding=True)
            for name, value in self.headers.items():
                if name.lower() not in ("connection", "expect"):
                    upstream.putheader(name, value)
            upstream.endheaders(body or None)
            answer = upstream.getresponse()
            return answer.status, dict(answer.getheaders()), answer.read()
        finally:
            upstream.close()

    def _reply(self, status: int, headers: dict, body: bytes):
        head_only = self.command == "HEAD"
        self.send_response_only(status)
        for name, value in headers.items():
            if name.lower() not in ("connection", "keep-alive", "transfer-encoding", "content-length"):
                self.send_header(name, value)
        length = headers.get("content-length", headers.get("Content-Length", "0")) if head_only else len(body)
        self.send_header("Content-Length", str(length))
        self.end_headers()
        if not head_only:
            self.wfile.write(body)

    def _hang_up(self):
        """An orderly end: what was written arrives."""
        self.close_connection = True
        self.connection.shutdown(socket.SHUT_RDWR)

    def _drop(self):
        self.close_connection = True
        _break(self.connection)

    def log_message(self, *_):
        pass
