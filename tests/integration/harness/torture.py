"""Several penstocks of one group under a steady producer, while everything that can happen to them happens.

A seed decides what happens, in which order and to whom; when exactly, the machine decides as well. After it the faults end,
one last penstock drains the topic, and the producer's book is compared with every line of the lake. `penstock verify
--deep` looks at the lake as well, and has to come to the same.

What is planned "at a commit" waits for one, and happens without one when none comes. So the draws are counted, and apart
from them those that met a commit.
"""

import json
import random
import re
import signal
import threading
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Callable

from harness.azurite import Azurite
from harness.book import CountingBook
from harness.deployment import is_claim
from harness.fault_proxy import Fault, FaultProxy, is_blob_commit
from harness.kafka import Kafka
from harness.lake import files_of
from harness.penstock import Penstock, base_config, merged, run_command
from harness.service import wait_until
from harness.tally import Tally, tally

SESSION_S = 6.0
FENCE_WAIT_S = 3.0
# Longer than a claim may take, which is half of FENCE_WAIT_S, and well within the wait that a request is given to be
# processed.
BROKER_FROZEN_S = (1.6, 1.9)
# How long a member may have nothing to commit until it is struck without.
AMBUSH_S = 20.0
# Of the members in turn: what one has claimed, another with other settings asks about.
COMPRESSIONS = ["none", "gzip", "zstd"]
# How much longer than its events take on average a run may go on before it counts as stuck.
PATIENCE = 3
EVENT_S = 12.0  # of one member, with what it needs to come back


@dataclass(frozen=True)
class Plan:
    """The defaults are the least of which every kind of event has its turn, for `./dev test`."""

    seed: int
    kills: int = 5
    zombies: int = 2
    members: int = 3
    guarantee: str = "exactly_once"
    partitions: int = 6
    per_second: int = 2000

    @property
    def events(self) -> dict[str, int]:
        """How often each kind is drawn."""
        return {
            "kill": self.kills - self.kills // 2, "kill at a commit": self.kills // 2,
            "zombie": self.zombies - self.zombies // 2, "zombie at a commit": self.zombies // 2,
            "leave": max(1, self.kills // 8),
            "broker frozen": max(1, self.kills // 10), "broker killed": max(1, self.kills // 25)}

    @property
    def limit_s(self) -> float:
        return 60 + PATIENCE * EVENT_S * sum(self.events.values()) / self.members

    def __str__(self):
        words = f"--kills {self.kills} --zombies {self.zombies} --members {self.members} --seed {self.seed}"
        return words if self.guarantee == "exactly_once" else f"{words} --guarantee {self.guarantee}"


class Stream:
    """A steady producer: now these partitions, now those, so that batches differ in what they hold."""

    def __init__(self, book: CountingBook, plan: Plan):
        self._book, self._plan = book, plan
        self._random = random.Random(plan.seed + 1)
        self._end = threading.Event()
        self._thread = threading.Thread(target=self._send, name="stream")

    def __enter__(self):
        self._thread.start()
        return self

    def _send(self):
        owed, last, active, change = 0.0, time.monotonic(), [0], 0.0
        while not self._end.wait(0.02):
            now = time.monotonic()
            owed, last = owed + (now - last) * self._plan.per_second, now
            if now >= change:
                active = self._random.sample(range(self._plan.partitions), self._random.randint(1, self._plan.partitions))
                change = now + self._random.uniform(1, 3)
            for _ in range(int(owed)):
                self._book.send_next(self._random.choice(active))
            owed -= int(owed)

    def __exit__(self, *_):
        self._end.set()
        self._thread.join()
        self._book.flush()


class Member:
    """A place in the group. A process works there, is killed, frozen or sent away, and one comes again."""

    def __init__(self, torture: "Torture", index: int):
        self.torture, self.index = torture, index
        self.random = torture.random
        self.proxy = FaultProxy(torture.azurite.port, keep=100)
        self._names = 0
        self.penstock = self._fresh()
        self._next: Callable[[], None] = self._come
        self._at = 0.0
        self.expected_up = False
        self._drains = False

    def _fresh(self) -> Penstock:
        """One of a name and a stage that the group has never seen."""
        self._names += 1
        return self.torture.penstock(f"member-{self.index}-{self._names}", self.proxy.port, {
            "batch": {"compression": COMPRESSIONS[self.index % len(COMPRESSIONS)]}})

    def _later(self, seconds: float, step: Callable[[], None]):
        self._at, self._next = time.monotonic() + seconds, step

    def tick(self):
        if self.expected_up and not self.penstock.service.running:
            raise AssertionError(f"{self.penstock.file.parent.name} ended by itself "
                                 f"({self.penstock.service.process.returncode}):\n{self.penstock.output[-3000:]}")
        if time.monotonic() >= self._at:
            self._next()

    def _come(self):
        self.penstock.service.start()
        self.expected_up = True
        self._later(self.random.uniform(2, 12), self._suffer)

    def _suffer(self):
        what = self.torture.draw()
        if what is None:
            self._later(1e9, lambda: None)
            return
        self.torture.log(f"{what}: {self.penstock.file.parent.name}")
        {"kill": self._kill, "kill at a commit": self._kill_at_commit, "zombie": self._freeze,
         "zombie at a commit": self._freeze_at_commit, "leave": self._leave,
         "broker frozen": self._broker, "broker killed": self._broker}[what]()

    def _broker(self):
        """It was the broker's turn."""
        self._later(self.random.uniform(1, 3), self._suffer)

    # Kills

    def _kill(self):
        self.expected_up = False
        self.penstock.service.kill()
        self._come_again()

    def _come_again(self):
        """Mostly within the session timeout, so that no partition moves; sometimes not."""
        away = self.random.uniform(0, 1.5) if self.random.random() < 0.85 else self.random.uniform(SESSION_S + 1, SESSION_S + 4)
        self._later(away, self._come)

    def _kill_at_commit(self):
        """As a blob is being made."""
        self.expected_up = False
        self._ambush("kill at a commit", signal.SIGKILL, self._kill)

    def _ambush(self, name: str, what: signal.Signals, then: Callable[[], None]):
        hit, lock, armed = threading.Event(), threading.Lock(), [True]
        service = self.penstock.service

        def strike():
            with lock:
                if armed[0]:
                    service.send(what)
                    hit.set()

        # The request never arrives, arrives at once, long after a successor has come, or has been done before.
        moment = self.random.choice(["never", "never", "at once", "late", "done"])
        fault = Fault(is_blob_commit, reset=moment == "never", lose_reply=what == signal.SIGKILL)
        if moment == "done":
            fault.on_effect = strike
        else:
            fault.on_arrival = strike
        if moment == "late":
            fault.delay_s = self.random.uniform(1, SESSION_S + 5)
        self.proxy.add(fault, first=True)
        give_up = time.monotonic() + AMBUSH_S

        def look():
            if not hit.is_set() and time.monotonic() < give_up:
                return self._later(0.05, look)
            with lock:
                armed[0] = False  # it must not strike the one that comes after
            self.proxy.remove(fault)
            self.torture.met(name, hit.is_set())
            then()

        look()

    # Zombies

    def _freeze(self):
        self.penstock.service.suspend()
        self._later(self.random.uniform(SESSION_S + 1.5, SESSION_S + 5), self._thaw)

    def _freeze_at_commit(self):
        self._ambush("zombie at a commit", signal.SIGSTOP, self._freeze)

    def _thaw(self):
        self.penstock.service.resume()
        self._later(self.random.uniform(1.5, 6), self._suffer)

    # Leaving and joining

    def _leave(self):
        self.expected_up = False
        self.penstock.service.send(signal.SIGTERM)
        give_up = time.monotonic() + 60  # the drain has its limit; a busy machine takes longer to notice it

        def look():
            if self.penstock.service.running:
                assert time.monotonic() < give_up, f"does not leave:\n{self.penstock.output[-3000:]}"
                self._later(0.1, look)
                return
            self._assert_left(self.penstock.service.process.returncode)
            self.penstock = self._fresh()
            self._later(self.random.uniform(0, 3), self._come)

        look()

    def send_away(self):
        """As it is at the end of all: by a signal that lets it drain, or one that does not."""
        self.expected_up = False
        if self.penstock.service.running:
            self._drains = self.random.random() < 0.5
            self.penstock.service.send(signal.SIGTERM if self._drains else signal.SIGKILL)

    def wait_gone(self):
        if self.penstock.service.process is not None:
            code = self.penstock.wait(90)
            if self._drains:
                self._assert_left(code)

    def _assert_left(self, code: int):
        """With all published, or with what it could not publish in time left to Kafka, and the words for it."""
        gave_up = code == 1 and "the drain was given up" in self.penstock.output
        assert code == 0 or gave_up, f"left with {code}:\n{self.penstock.output[-3000:]}"
        self.torture.drains_given_up += gave_up


class Torture:
    def __init__(self, kafka: Kafka, azurite: Azurite, directory: Path, plan: Plan, brokers: str | None = None):
        """`brokers`: where the members find `kafka`, if not at its own address."""
        self.kafka, self.azurite, self.directory, self.plan = kafka, azurite, directory, plan
        self.brokers = brokers or kafka.bootstrap
        self.random = random.Random(plan.seed)
        self.topic = kafka.create_topic(plan.partitions)
        self.group = f"penstock-{self.topic}"
        self.book = CountingBook(kafka, self.topic)
        self.container = azurite.create_container()
        self.began = time.monotonic()
        self.done: dict[str, int] = {}
        self.commits_met: dict[str, int] = {}
        self.drains_given_up = 0
        self._started: list[Penstock] = []
        self._deck = self._shuffled_deck()
        self._trouble_at = self.began + 3
        self._outage_until: float | None = None
        self._service_is_here = True
        self._broker_until: float | None = None
        self._said = 0.0
        self.members = [Member(self, index) for index in range(plan.members)]

    def penstock(self, name: str, port: int, changes: dict, *arguments: str) -> Penstock:
        directory = self.directory / name
        config = merged(base_config(directory, [self.topic], self.brokers, self.azurite.sink(self.container, port)), {
            "source": {"group": self.group, "instance": name, "fence_wait": f"{int(FENCE_WAIT_S * 1000)}ms",
                       "librdkafka": {"session.timeout.ms": int(SESSION_S * 1000), "heartbeat.interval.ms": 1000}},
            "batch": {"max_age": "1s"},
            "sink": {"block_bytes": "64KiB"},  # so that most files have several blocks
            "guarantee": self.plan.guarantee,
            "drain_timeout": "5s",  # sometimes too short, as a rebalance waits for the slowest
            "log": {"level": "debug"}})
        made = Penstock(directory, merged(config, changes), *arguments)
        self._started.append(made)
        return made

    def _shuffled_deck(self) -> list[str]:
        deck = [what for what, count in self.plan.events.items() for _ in range(count)]
        self.random.shuffle(deck)
        return deck

    def draw(self) -> str | None:
        if not self._deck:
            return None
        what = self._deck.pop()
        self.done[what] = self.done.get(what, 0) + 1
        if what.startswith("broker"):
            self._strike_broker(what)
        return what

    def met(self, what: str, a_commit: bool):
        """How a wait for a commit ended."""
        self.commits_met[what] = self.commits_met.get(what, 0) + a_commit
        self.log(f"{what}: met {'one' if a_commit else 'none'}")

    def log(self, what: str):
        with open(self.directory / "events.log", "a") as log:
            print(f"{time.strftime('%H:%M:%S')} {time.monotonic() - self.began:7.2f} {what}", file=log)

    def say(self, more: str = ""):
        done = ", ".join(map(self._told, sorted(self.done))) or "nothing yet"
        if self.drains_given_up:
            done += f"; {self.drains_given_up} x a drain was given up"
        up = sum(member.penstock.service.running for member in self.members)
        print(f"[{time.monotonic() - self.began:5.0f} s] {done}; {up} of {len(self.members)} run; "
              f"{self.book.records:,} records sent {more}", flush=True)

    def _told(self, what: str) -> str:
        met = f" ({self.commits_met.get(what, 0)} met one)" if what.endswith("at a commit") else ""
        return f"{self.done[what]} x {what}{met}"

    # ---- the run ----

    def run(self) -> Tally:
        self.directory.mkdir(parents=True, exist_ok=True)
        print(f"\ntorture {self.plan}; logs in {self.directory}", flush=True)
        try:
            with Stream(self.book, self.plan):
                deadline = self.began + self.plan.limit_s
                while self._deck or not self._all_idle():
                    assert time.monotonic() < deadline, f"not done after {self.plan.limit_s:.0f} s: {self._where_it_stands()}"
                    self._tick()
                    time.sleep(0.02)
                self._calm()
            self.say("; the faults end, and what is left is drained")
            for member in self.members:
                member.send_away()
            for member in self.members:
                member.wait_gone()
            self._drain()
            return self._compare()
        finally:
            self._heal_broker()
            self.kill_all()

    def _tick(self):
        for member in self.members:
            member.tick()
        self._trouble()
        if self._broker_until is not None and time.monotonic() >= self._broker_until:
            self._heal_broker()
        if time.monotonic() - self._said > 10:
            self._said = time.monotonic()
            self.say()

    def _where_it_stands(self) -> str:
        members = [f"{member.penstock.file.parent.name} {'runs' if member.penstock.service.running else 'does not run'}, "
                   f"next is {member._next.__name__}" for member in self.members]
        return "; ".join([f"{len(self._deck)} events are left", *members])

    def _all_idle(self) -> bool:
        return all(member._at > time.monotonic() + 1e6 for member in self.members)

    # The blob service's part: a storm on one member's way to it, or an outage for all of them.
    def _trouble(self):
        now = time.monotonic()
        if self._outage_until is not None:
            # A blob service that was told to stop takes its time.
            if now >= self._outage_until and (self._service_is_here or not self.azurite.service.running):
                self._outage_until = None
                self._service_is_here = True
                self.azurite.start()
                for member in self.members:
                    member.proxy.up()
            return
        if now < self._trouble_at:
            return
        self._trouble_at = now + self.random.uniform(1, 4)
        what = self.random.choice(["reset", "lose_reply", "lose_reply", "503", "503", "500", "slow", "outage"])
        if what == "outage":
            if self.random.random() < 0.5:
                return
            self._service_is_here = self.random.random() < 0.8
            self._outage_until = now + self.random.uniform(0.5, 4)
            self.log("the blob service " + ("is out of reach" if self._service_is_here else "stops"))
            for member in self.members:
                member.proxy.down()
            if not self._service_is_here:
                self.azurite.service.send(signal.SIGTERM)
            return
        member = self.random.choice(self.members)
        count = self.random.randint(1, 12)
        only = is_blob_commit if self.random.random() < 0.4 else (lambda request: request.is_data_write)
        self.log(f"{count} x {what}: member-{member.index}")
        member.proxy.add(Fault(only, count=count, **{
            "reset": {"reset": True}, "lose_reply": {"lose_reply": True}, "503": {"status": 503},
            "500": {"status": 500, "code": "InternalError"}, "slow": {"delay_s": self.random.uniform(0.2, 1.5)}}[what]))

    # What a commit of offsets meets: a broker that answers late, or is gone with the requests that it had.
    def _strike_broker(self, what: str):
        broker = self.kafka.service
        self._heal_broker()
        if what == "broker frozen":
            broker.suspend()
            self._broker_until = time.monotonic() + self.random.uniform(*BROKER_FROZEN_S)
        else:
            broker.kill()
            self._broker_until = time.monotonic() + self.random.uniform(0.2, 3)

    def _heal_broker(self):
        broker = self.kafka.service
        self._broker_until = None
        if broker.running:
            broker.resume()
        else:
            broker.start()

    def _calm(self):
        self._heal_broker()
        self.kafka.start()
        self._trouble_at = 1e18
        wait_until(lambda: self._trouble() or self._outage_until is None, 60, "the blob service is there again")
        for member in self.members:
            member.proxy.clear()

    def _drain(self):
        self._last = self.penstock("last", self.azurite.port, {}, "--exit-at-end")
        self._last.service.start()
        assert self._last.wait(180) == 0, self._last.output[-3000:]

    def verify(self) -> tuple[int, dict]:
        """What `penstock verify --deep` says of the lake: its exit code and its page."""
        done = run_command("verify", "--deep", "--json", "--config", self._last.file, timeout_s=600)
        assert done.returncode in (0, 3), done.stdout[-3000:] + done.stderr[-3000:]
        return done.returncode, json.loads(done.stdout)

    # ---- the verdict ----

    def _compare(self) -> Tally:
        found = tally(self.book, files_of(self.azurite, self.container))
        places = sorted(self.book.offsets)
        for partition, entry in zip(places, self.kafka.entries(self.group, self.topic, places)):
            if entry.offset != self.book.offsets[partition] or is_claim(entry.metadata):
                found.faults.append(f"partition {partition}: committed is ({entry.offset}, {entry.metadata!r}), "
                                    f"sent were {self.book.offsets[partition]}")
        for penstock in self._started:
            penstock.assert_nothing_reported()
            for line in re.findall(r"^\S+ error .*$", penstock.output, re.M):
                found.faults.append(f"{penstock.file.parent.name}: {line[:300]}")
        return found

    def kill_all(self):
        for penstock in self._started:
            penstock.service.kill()
        for member in self.members:
            member.proxy.down()
