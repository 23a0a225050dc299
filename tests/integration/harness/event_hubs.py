"""A broker that is held to what Event Hubs shows: a proxy before a real one.

It answers ApiVersions and the login itself, with the versions that people have seen there, and closes a connection that
asks for anything beyond. The brokers have one address, its own. Generations are large. Connections that say nothing for a
while are closed without a word. The second commit of a partition within a second waits until the second is over, and more
than four a second are noted. A fetch may be throttled: it comes back empty, with a time to wait.

Where it was not seen how Event Hubs does a thing, this proxy is as strict as the pages of Microsoft would let it be.
"""

import select
import socket
import struct
import threading
import time
from collections import defaultdict
from dataclasses import dataclass, field

from harness.kafka_proxy import Listener, read_frame

PRODUCE, FETCH, LIST_OFFSETS, METADATA, OFFSET_COMMIT, OFFSET_FETCH, FIND_COORDINATOR = 0, 1, 2, 3, 8, 9, 10
JOIN_GROUP, HEARTBEAT, LEAVE_GROUP, SYNC_GROUP, DESCRIBE_GROUPS, LIST_GROUPS = 11, 12, 13, 14, 15, 16
SASL_HANDSHAKE, API_VERSIONS, CREATE_TOPICS, INIT_PRODUCER_ID, OFFSET_FOR_LEADER_EPOCH, SASL_AUTHENTICATE = \
    17, 18, 19, 22, 23, 36

# What answers to ApiVersions in public threads showed, 2019 to 2026. The service lists 27 APIs; these are the ones whose
# versions are known, and that a consumer could use.
VERSIONS = {
    PRODUCE: (0, 7), FETCH: (4, 6), LIST_OFFSETS: (0, 8), METADATA: (0, 9), OFFSET_COMMIT: (0, 8), OFFSET_FETCH: (0, 8),
    FIND_COORDINATOR: (0, 4), JOIN_GROUP: (0, 9), HEARTBEAT: (0, 4), LEAVE_GROUP: (0, 5), SYNC_GROUP: (0, 5),
    DESCRIBE_GROUPS: (0, 5), LIST_GROUPS: (0, 4), SASL_HANDSHAKE: (0, 1), API_VERSIONS: (0, 3), SASL_AUTHENTICATE: (0, 2)}
# One thread of 2026 shows a Fetch of this version.
NEWER_FETCH = (4, 12)
FLEXIBLE_SINCE = {
    PRODUCE: 9, FETCH: 12, LIST_OFFSETS: 6, METADATA: 9, OFFSET_COMMIT: 8, OFFSET_FETCH: 6, FIND_COORDINATOR: 3,
    JOIN_GROUP: 6, HEARTBEAT: 4, LEAVE_GROUP: 4, SYNC_GROUP: 4, DESCRIBE_GROUPS: 5, LIST_GROUPS: 3, SASL_AUTHENTICATE: 2,
    SASL_HANDSHAKE: 99, API_VERSIONS: 3}
UNSUPPORTED_VERSION, SASL_FAILED = 35, 58
# Such as one that was seen: 76,131,637.
GENERATION_BASE = 76_131_000
COMMITS_PER_SECOND = 4
HELD_BACK_S = 1.0
THROTTLED_MS = 300


class Fields:
    """The fields of one request or answer, one after the other. `at` is where the next one begins."""

    def __init__(self, frame: bytes, at: int, flexible: bool):
        self.frame, self.at, self.flexible = frame, at, flexible

    def take(self, layout: str) -> int:
        value, = struct.unpack_from(">" + layout, self.frame, self.at)
        self.at += struct.calcsize(">" + layout)
        return value

    def varint(self) -> int:
        value = shift = 0
        while True:
            byte = self.take("B")
            value |= (byte & 127) << shift
            shift += 7
            if byte < 128:
                return value

    def size(self, layout: str) -> int:
        """Of a string, bytes or an array; nothing counts as 0."""
        return max(0, self.varint() - 1 if self.flexible else self.take(layout))

    def text(self) -> str:
        size = self.size("h")
        self.at += size
        return self.frame[self.at - size : self.at].decode()

    def skip(self, size: int):
        self.at += size

    def tags(self):
        if self.flexible:
            for _ in range(self.varint()):
                self.varint()
                self.skip(self.varint())


@dataclass
class Request:
    frame: bytearray  # with its length in front
    api: int
    version: int
    correlation: int
    body_at: int
    answered_by_broker: bool = True

    @property
    def flexible(self) -> bool:
        return self.version >= FLEXIBLE_SINCE.get(self.api, 99)

    def body(self) -> Fields:
        return Fields(bytes(self.frame), self.body_at, self.flexible)


def parse(frame: bytes) -> Request:
    api, version, correlation, client_size = struct.unpack_from(">hhih", frame, 4)
    request = Request(bytearray(frame), api, version, correlation, 14 + max(0, client_size))
    if request.flexible:
        head = Fields(frame, request.body_at, True)
        head.tags()
        request.body_at = head.at
    return request


@dataclass(frozen=True)
class Committed:
    """One partition of one OffsetCommit, when it came and when it was answered (0.0: not yet)."""

    arrived: float
    topic: str
    partition: int
    metadata: str
    answered: list = field(default_factory=list, compare=False)

    @property
    def is_claim(self) -> bool:
        return self.metadata.startswith("p")


def commits_in(request: Request) -> list[tuple[str, int, str]]:
    body = request.body()
    body.text()  # the group
    if request.version >= 1:
        body.take("i")
        body.text()  # the member
    if request.version >= 7:
        body.text()  # the instance
    if 2 <= request.version <= 4:
        body.take("q")
    found = []
    for _ in range(body.size("i")):
        topic = body.text()
        for _ in range(body.size("i")):
            partition, _ = body.take("i"), body.take("q")
            if request.version >= 6:
                body.take("i")
            found.append((topic, partition, body.text()))
            body.tags()
        body.tags()
    return found


def answer_to(request: Request, body: bytes) -> bytes:
    """ApiVersions alone has the old header with every version."""
    tags = b"\0" if request.flexible and request.api != API_VERSIONS else b""
    return struct.pack(">ii", 4 + len(tags) + len(body), request.correlation) + tags + body


def _start_of(answer: bytes, flexible: bool) -> Fields:
    fields = Fields(answer, 8, flexible)
    fields.tags()
    return fields


class _Connection:
    def __init__(self, client: socket.socket, hubs: "EventHubs"):
        self.client, self.hubs = client, hubs
        self.upstream = socket.create_connection(("127.0.0.1", hubs.upstream_port))
        self.upstream.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.client.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.logged_in = hubs.connection_string is None
        self.asked: set[int] = set()
        threading.Thread(target=self._serve, daemon=True).start()

    def _serve(self):
        """One request after the other, as clients send one and wait, or send a few and read the answers in order."""
        try:
            while True:
                if not select.select([self.client], [], [], self.hubs.idle_s)[0]:
                    self.hubs.idle_closed.append(self.asked)
                    return
                request = parse(read_frame(self.client))
                self.asked.add(request.api)
                answer = self._answer(request)
                if answer is None:
                    return
                if answer:
                    self.client.sendall(answer)
        except (EOFError, OSError, ValueError):  # ValueError: closed by close() meanwhile
            pass
        finally:
            self.close()

    def _answer(self, request: Request) -> bytes | None:
        """None: the connection is closed."""
        hubs = self.hubs
        lowest, highest = hubs.versions.get(request.api, (0, -1))
        if request.api == API_VERSIONS:
            return answer_to(request, hubs.api_versions(request.version))
        if not lowest <= request.version <= highest:
            hubs.violations.append(f"api {request.api} in version {request.version}")
            return None
        if request.api in (SASL_HANDSHAKE, SASL_AUTHENTICATE):
            return answer_to(request, self._log_in(request))
        if not self.logged_in:
            hubs.violations.append(f"api {request.api} before the login")
            return None
        committed = hubs.note_commits(request) if request.api == OFFSET_COMMIT else []
        hubs.lower_generation(request)
        self.upstream.sendall(request.frame)
        answer = read_frame(self.upstream)
        for each in committed:
            each.answered.append(time.monotonic())
        return hubs.alter(request, answer)

    def _log_in(self, request: Request) -> bytes:
        body = request.body()
        if request.api == SASL_HANDSHAKE:
            known = body.text() == "PLAIN"
            return struct.pack(">hih", 0 if known else 33, 1, 5) + b"PLAIN"
        size = body.size("i")
        secret = body.frame[body.at : body.at + size]
        good = secret == b"\0$ConnectionString\0" + (self.hubs.connection_string or "").encode()
        self.logged_in = self.logged_in or good
        if not good:
            self.hubs.logins_refused += 1
        code = struct.pack(">h", 0 if good else SASL_FAILED)
        if request.version >= 2:
            return code + b"\0\1" + struct.pack(">q", 0) + b"\0"
        return code + struct.pack(">hi", -1, 0) + (struct.pack(">q", 0) if request.version == 1 else b"")

    def close(self):
        for end in (self.client, self.upstream):
            try:
                end.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass
            end.close()


class EventHubs(Listener):
    """Listens from the start; toward(port) says where the real broker is. `idle_s` stands for Azure's 240 s."""

    def __init__(self, idle_s: float = 240, connection_string: str | None = None, fetch=VERSIONS[FETCH]):
        super().__init__(backlog=64)
        self.bootstrap = f"127.0.0.1:{self.port}"
        self.idle_s, self.connection_string = idle_s, connection_string
        self.versions = {**VERSIONS, FETCH: fetch}
        self.violations: list[str] = []
        self.commits: list[Committed] = []
        self.idle_closed: list[set[int]] = []  # what was asked on each connection
        self.held_back = self.logins_refused = self.throttled = 0
        self.throttle_next = 0  # so many fetches that would bring records come back empty
        self._lock = threading.Lock()
        self._last: dict[tuple[str, int], float] = {}

    def _take(self, client: socket.socket):
        _Connection(client, self)

    def api_versions(self, asked: int) -> bytes:
        """To a version above its own it answers so that the client asks again."""
        version = asked if asked <= self.versions[API_VERSIONS][1] else 0
        rows = [struct.pack(">hhh", api, *range_) for api, range_ in sorted(self.versions.items())]
        code = struct.pack(">h", 0 if version == asked else UNSUPPORTED_VERSION)
        if version >= 3:
            return code + bytes([len(rows) + 1]) + b"".join(row + b"\0" for row in rows) + struct.pack(">i", 0) + b"\0"
        return code + struct.pack(">i", len(rows)) + b"".join(rows) + (struct.pack(">i", 0) if version else b"")

    # Commits

    def note_commits(self, request: Request) -> list[Committed]:
        """Holds back a second commit of a partition. Returns when the request may go on."""
        now = time.monotonic()
        found = [Committed(now, *each) for each in commits_in(request)]
        with self._lock:
            self.commits += found
            due = now
            for each in found:
                due = max(due, self._last.get((each.topic, each.partition), -HELD_BACK_S) + HELD_BACK_S)
            for each in found:
                self._last[each.topic, each.partition] = due
            self.held_back += due > now
        time.sleep(max(0.0, due - now))
        return found

    def by_partition(self) -> dict[tuple[str, int], list[Committed]]:
        found = defaultdict(list)
        for each in list(self.commits):
            found[each.topic, each.partition].append(each)
        return found

    def finishes_near_a_claim(self) -> list[str]:
        """That came within a second of the answer to a claim of the same partition."""
        return [f"{topic}/{partition}: {finish.arrived - claim.answered[0]:.3f} s after the answer"
                for (topic, partition), commits in self.by_partition().items()
                for claim, finish in zip(commits, commits[1:])
                if claim.is_claim and not finish.is_claim and claim.answered
                and finish.arrived - claim.answered[0] < HELD_BACK_S]

    def most_commits_in_a_second(self) -> int:
        """Of one partition."""
        return max((sum(begin.arrived <= other.arrived < begin.arrived + 1 for other in commits)
                    for commits in self.by_partition().values() for begin in commits), default=0)

    # Answers and requests that are altered in place: no length changes, but in a throttled fetch.

    def lower_generation(self, request: Request):
        """What the broker knows is small again."""
        if request.api not in (SYNC_GROUP, HEARTBEAT, OFFSET_COMMIT) or (request.api, request.version) == (OFFSET_COMMIT, 0):
            return
        body = request.body()
        body.text()  # the group
        generation, = struct.unpack_from(">i", request.frame, body.at)
        if generation >= 0:
            struct.pack_into(">i", request.frame, body.at, generation - GENERATION_BASE)

    def alter(self, request: Request, answer: bytes) -> bytes:
        if request.api == JOIN_GROUP:
            return self._raise_generation(request, answer)
        if request.api == METADATA:
            return self._one_address(request, answer)
        if request.api == FIND_COORDINATOR:
            return self._coordinator_here(request, answer)
        if request.api == FETCH and request.version <= 6 and self.throttle_next > 0:
            return self._throttled(request, answer)
        return answer

    def _with_port(self, answer: bytes, at: int) -> bytes:
        return answer[:at] + struct.pack(">i", self.port) + answer[at + 4:]

    def _raise_generation(self, request: Request, answer: bytes) -> bytes:
        fields = _start_of(answer, request.flexible)
        if request.version >= 2:
            fields.take("i")
        fields.take("h")
        generation, = struct.unpack_from(">i", answer, fields.at)
        if generation < 0:
            return answer
        return answer[:fields.at] + struct.pack(">i", generation + GENERATION_BASE) + answer[fields.at + 4:]

    def _one_address(self, request: Request, answer: bytes) -> bytes:
        fields = _start_of(answer, request.flexible)
        if request.version >= 3:
            fields.take("i")
        for _ in range(fields.size("i")):
            fields.take("i")
            assert fields.text() == "127.0.0.1"
            answer = self._with_port(answer, fields.at)
            fields.take("i")
            if request.version >= 1:
                fields.text()  # the rack
            fields.tags()
        return answer

    def _coordinator_here(self, request: Request, answer: bytes) -> bytes:
        fields = _start_of(answer, request.flexible)
        if request.version >= 1:
            fields.take("i")
        if request.version >= 4:
            if fields.size("i") == 0:
                return answer
            fields.text()  # the key
        else:
            fields.take("h")
            if request.version >= 1:
                fields.text()
        fields.take("i")
        host = fields.text()
        return self._with_port(answer, fields.at) if host else answer

    def _throttled(self, request: Request, answer: bytes) -> bytes:
        """Of the versions up to 6: without its records, if it has any, and with a time to wait."""
        fields = Fields(answer, 12, False)
        out = bytearray(answer[4:8] + struct.pack(">i", THROTTLED_MS))
        brought = 0
        begin = fields.at
        for _ in range(fields.take("i")):
            fields.text()
            for _ in range(fields.take("i")):
                fields.skip(4 + 2 + 8 + 8 + (8 if request.version >= 5 else 0))
                fields.skip(16 * max(0, fields.take("i")))  # transactions that were aborted
                out += answer[begin : fields.at] + struct.pack(">i", 0)
                size = max(0, fields.take("i"))
                brought += size
                fields.skip(size)
                begin = fields.at
        out += answer[begin:]
        if not brought:
            return answer
        with self._lock:
            self.throttle_next -= 1
            self.throttled += 1
        return struct.pack(">i", len(out)) + bytes(out)
