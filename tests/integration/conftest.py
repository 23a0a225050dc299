"""One broker and one blob service for the whole session; everything else is a test's own."""

import shutil
import subprocess
from collections import Counter
from pathlib import Path

import pytest

from harness.azurite import Azurite
from harness.book import Book
from harness.deployment import Deployment
from harness.fault_proxy import FaultProxy
from harness.kafka import Kafka
from harness.lake import landed_records
from harness.nodes import azurite, azurite_node, kafka, kafka_node  # noqa: F401: fixtures
from harness.paths import DEPS, penstock_binary
from harness.penstock import Penstock, base_config
from harness.secrets_told import in_logs
from harness.service import wait_until
from harness.spark import spark  # noqa: F401: a fixture
from harness.torture import Plan


@pytest.fixture(autouse=True)
def no_secret_is_told(tmp_path):
    """Whoever reads the logs of a test finds no secret in them, whatever else it was about."""
    yield
    told = in_logs(tmp_path)
    assert not told, "\n".join(told)


# Few tests each, and minutes. Begun last, they would be all that is left to run at the end.
BEGUN_FIRST = ("test_replay.py", "test_store_faults.py", "test_tokens.py", "test_identity.py", "test_long_waits.py",
               "test_torture.py", "test_truncated_logs.py", "test_many_topics.py")


def pytest_collection_modifyitems(items):
    """A file at a time goes to the next process that is free (`--dist loadfile`), in this order: those that are begun first,
    and then the one with the most tests."""
    tests = Counter(item.path.name for item in items)
    places = {name: place for place, name in enumerate(BEGUN_FIRST)}
    items.sort(key=lambda item: (places.get(item.path.name, len(places)), -tests[item.path.name], item.path.name))


def pytest_addoption(parser):
    group = parser.getgroup("torture", "of test_torture.py")
    group.addoption("--kills", type=int, default=Plan.kills, help="how many processes are killed by kill -9")
    group.addoption("--zombies", type=int, default=Plan.zombies, help="how many are frozen for longer than the session timeout")
    group.addoption("--members", type=int, default=Plan.members, choices=(2, 3), help="how many processes share the group")
    group.addoption("--guarantee", default=Plan.guarantee, choices=("exactly_once", "at_least_once"),
                    help="at_least_once shows that the torture can tell: it has to find doubles")
    group.addoption("--seed", type=int, help="decides what happens, in which order and to whom; otherwise that of the commit")
    parser.getgroup("page", "of test_page.py").addoption(
        "--keep-screenshots", action="store_true", help="write the pictures and the text of the README anew, in conf/page")


@pytest.fixture
def proxy(azurite) -> FaultProxy:
    proxy = FaultProxy(azurite.port)
    yield proxy
    proxy.down()


@pytest.fixture(scope="session")
def binary() -> Path:
    path = penstock_binary()
    if not path.exists():
        pytest.fail(f"{path} is not there: ./dev build {path.parent.name}", pytrace=False)
    return path


def pytest_generate_tests(metafunc):
    if metafunc.definition.get_closest_marker("both_sources"):
        metafunc.parametrize("fetch", ["direct", "librdkafka"], indirect=True)


@pytest.fixture
def fetch(request) -> str:
    """source.fetch."""
    return getattr(request, "param", "direct")


class Landing:
    """A topic, its producer's book, a container, and a penstock between them."""

    def __init__(self, kafka: Kafka, azurite: Azurite, directory: Path, partitions: int, fetch: str, **of_topic):
        self.kafka, self.azurite, self.directory, self.partitions = kafka, azurite, directory, partitions
        self.fetch = fetch
        self.topic = kafka.create_topic(partitions, **of_topic)
        self.group = f"penstock-{self.topic}"
        self.book = Book(kafka, self.topic)
        self.container = azurite.create_container()
        self._started: list[Penstock] = []

    def config(self, port: int | None = None) -> dict:
        """`port`: of the proxy to go through."""
        config = base_config(self.directory, [self.topic], self.kafka.bootstrap, self.azurite.sink(self.container, port))
        config["source"]["group"] = self.group
        config["source"]["fetch"] = self.fetch
        if self.fetch == "librdkafka":  # whose commits are not ours to stamp
            config["guarantee"] = "at_least_once"
        return config

    def penstock(self, config: dict | None = None, *arguments: str) -> Penstock:
        """Not started yet; ended with the test. Each has its own directory, and its own stage unless the config says."""
        penstock = Penstock(self.directory / f"penstock-{len(self._started)}", config or self.config(), *arguments)
        self._started.append(penstock)
        return penstock

    def wait_landed(self, records: int | None = None, timeout_s: float = 90):
        """Until the blobs hold so many records: all of the book's, unless given."""
        want = self.book.line_count if records is None else records
        wait_until(lambda: landed_records(self.azurite, self.container) >= want, timeout_s, f"{want} records landed", 0.3)

    def end(self):
        for penstock in self._started:
            if penstock.service.running:
                penstock.service.kill()
        for penstock in self._started:
            penstock.assert_nothing_reported()


@pytest.fixture
def landing(binary, kafka, azurite, tmp_path, fetch):
    """landing(partitions, settings of the topic) -> Landing"""
    made: list[Landing] = []

    def make(partitions: int = 1, **of_topic) -> Landing:
        made.append(Landing(kafka, azurite, tmp_path / f"landing-{len(made)}", partitions, fetch, **of_topic))
        return made[-1]

    yield make
    for each in made:
        each.end()


@pytest.fixture
def deployment(binary, tmp_path):
    """deployment(kafka, azurite=None) -> Deployment"""
    made: list[Deployment] = []

    def make(kafka: Kafka, azurite: Azurite | None = None) -> Deployment:
        made.append(Deployment(kafka, tmp_path / f"deployment-{len(made)}", azurite))
        return made[-1]

    yield make
    for each in made:
        each.end()


@pytest.fixture
def promtool():
    found = shutil.which("promtool") or shutil.which(str(DEPS / "promtool" / "promtool"))
    if not found:
        pytest.skip("no promtool on this machine")

    def check(page: str) -> str:
        done = subprocess.run([found, "check", "metrics"], input=page, capture_output=True, text=True)
        return "" if done.returncode == 0 else done.stdout + done.stderr

    return check


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_makereport(item, call):
    """A failed test shows the end of what each penstock of it said."""
    report = (yield).get_result()
    if report.when == "call" and report.failed and "tmp_path" in item.funcargs:
        for log in sorted(item.funcargs["tmp_path"].rglob("penstock.log")):
            report.sections.append((str(log.parent.name), log.read_text(errors="replace")[-4000:]))
