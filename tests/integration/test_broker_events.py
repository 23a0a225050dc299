"""What happens at the brokers while penstock fetches by itself."""

import pytest
from confluent_kafka import ElectionType, TopicPartition
from confluent_kafka.admin import NewPartitions

from harness.book import Book
from harness.deployment import wait_not_ready, wait_said
from harness.kafka import Kafka
from harness.lake import assert_exactly, read_directory_with_metadata
from harness.penstock import Penstock, base_config, merged
from harness.process import connections
from harness.service import wait_until

QUICK_METADATA = {"topic.metadata.refresh.interval.ms": 1000}


class Reading:
    """A penstock that fetches directly into a directory, by partition."""

    def __init__(self, directory, brokers: str, topics: list[str], changes: dict | None = None):
        self.lake = directory / "lake"
        self.group = f"penstock-{topics[0]}"
        config = merged(base_config(directory, topics, brokers, {"url": f"file://{self.lake}"}), {
            "source": {"group": self.group, "fetch": "direct", "librdkafka": QUICK_METADATA},
            "batch": {"max_age": "1s", "group_by": "partition",
                      "path": "{topic}/{partition}/{yyyy}{MM}{dd}T{HH}{mm}{ss}"}})
        self.penstock = Penstock(directory, merged(config, changes or {}))

    def files(self, topic: str):
        return [file for file in read_directory_with_metadata(self.lake) if file.metadata["topic"] == topic]

    def wait_landed(self, book: Book, timeout_s: float = 60):
        def landed() -> bool:
            try:
                return sum(len(file.lines) for file in self.files(book.topic)) >= book.line_count
            except FileNotFoundError:  # a file is there a moment before its metadata
                return False
        wait_until(landed, timeout_s, f"{book.line_count} records of {book.topic} landed", 0.3)

    def ends_well(self, *books: Book):
        assert self.penstock.terminate() == 0
        self.penstock.assert_did_not_crash()
        for book in books:
            assert_exactly(book, self.files(book.topic))


@pytest.fixture
def reading(binary, tmp_path):
    made: list[Reading] = []

    def make(kafka: Kafka, topics: list[str], changes: dict | None = None) -> Reading:
        made.append(Reading(tmp_path / f"reading-{len(made)}", kafka.bootstrap, topics, changes))
        return made[-1]

    yield make
    for each in made:
        each.penstock.service.kill()
    for each in made:
        each.penstock.assert_nothing_reported()


@pytest.fixture(scope="module")
def pair_nodes(tmp_path_factory):
    """Two brokers that close what was idle for two seconds, and move leaders when they are asked to."""
    directory = tmp_path_factory.mktemp("pair")
    settings = {"connections_max_idle_ms": 2000, "auto_leader_rebalance_enable": "false",
                "offsets_topic_replication_factor": 2}  # the coordinator moves with its partition
    first = Kafka(directory / "1", **settings)
    second = Kafka(directory / "2", first=first, node_id=2, **settings)
    first.format()
    second.format()
    first.start()
    second.start()
    wait_until(lambda: len(first.admin().list_topics(timeout=10).brokers) == 2, 60, "two brokers")
    yield first, second
    second.kill()
    first.kill()


def test_connections_that_the_broker_closes_when_idle(reading, pair_nodes):
    first, second = pair_nodes
    topic = first.create_topic(2)
    book = Book(first, topic)
    run = reading(first, [topic])
    run.penstock.start()

    def open_connections() -> set[int]:
        return {port for node in (first, second) for port in connections(run.penstock.service.pid, node.port)}
    for _ in range(3):
        book.spread(2, 20, 100)
        run.wait_landed(book)
        opened = open_connections()
        assert opened
        wait_until(lambda: opened - open_connections(), 20, "a broker closes a connection")  # the coordinator's
    run.ends_well(book)
    assert "closed the connection" not in run.penstock.output, "it was noticed before the next request"


def test_leaders_move_and_come_back(reading, pair_nodes):
    first, second = pair_nodes
    topic = first.create_topic(2, replicas=[[2, 1], [1, 2]])
    book = Book(first, topic)
    run = reading(first, [topic])
    book.spread(2, 200, 200)
    run.penstock.start()
    run.wait_landed(book)
    assert first.leaders(topic) == [2, 1]
    second.stop()  # it hands its leaderships over first
    book.spread(2, 200, 200)
    run.wait_landed(book)
    assert first.leaders(topic) == [1, 1]
    second.start()
    admin = first.admin()

    def elected() -> bool:
        admin.elect_leaders(ElectionType.PREFERRED, [TopicPartition(topic, 0)]).result(30)
        return first.leaders(topic) == [2, 1]
    wait_until(elected, 60, "the leader is back where it was", 1)
    book.spread(2, 200, 200)
    run.wait_landed(book)
    run.ends_well(book)


def test_a_quota_slows_it_down_and_is_counted(reading, kafka):
    topic = kafka.create_topic(2)
    book = Book(kafka, topic)
    book.spread(2, 4000, 1000)
    kafka.set_client_quota(200_000)
    try:
        run = reading(kafka, [topic])
        run.penstock.start()
        run.penstock.wait_metric("penstock_broker_throttle_seconds_total", 1, 60)
    finally:
        kafka.set_client_quota(None)
    run.wait_landed(book, 90)
    run.ends_well(book)


def test_a_topic_is_deleted_and_the_others_go_on(reading, kafka):
    kept, gone = kafka.create_topic(1), kafka.create_topic(1)
    books = [Book(kafka, kept), Book(kafka, gone)]
    run = reading(kafka, [kept, gone])
    for book in books:
        book.spread(1, 50, 100)
    run.penstock.start()
    for book in books:
        run.wait_landed(book)
    admin = kafka.admin()
    admin.delete_topics([gone])[gone].result(30)
    wait_said(run.penstock, rf"{gone}.*check source.topics, and that the topic exists in this cluster", 60)
    books[0].spread(1, 50, 100)
    run.wait_landed(books[0])
    run.ends_well(books[0])


def test_added_partitions_are_read(reading, kafka):
    topic = kafka.create_topic(1)
    book = Book(kafka, topic)
    run = reading(kafka, [topic], {"source": {"start": "earliest"}})
    book.spread(1, 50, 100)
    run.penstock.start()
    run.wait_landed(book)
    admin = kafka.admin()
    admin.create_partitions([NewPartitions(topic, 3)])[topic].result(30)
    wait_until(lambda: run.penstock.metric("penstock_assigned_partitions") == 3, 60, "it has all three partitions")
    later = Book(kafka, topic)
    later.offsets.update(book.offsets)
    later.lines.update(book.lines)
    later.spread(3, 300, 100)
    run.wait_landed(later)
    run.ends_well(later)


def test_a_batch_whose_bytes_changed_on_the_brokers_disk_stops_its_partition(reading, kafka):
    topic = kafka.create_topic(2)
    book = Book(kafka, topic)
    book.spread(2, 40, 100)
    whole = {partition: list(lines) for partition, lines in book.lines.items()}
    book.spread(2, 40, 100)  # batches of their own
    kafka.stop()
    log = next((kafka.directory / "data").glob(f"{topic}-1/*.log"))
    content = bytearray(log.read_bytes())
    content[content.index(whole[1][-1]) + len(whole[1][-1]) + 200] ^= 1
    log.write_bytes(content)
    kafka.start()
    run = reading(kafka, [topic])
    run.penstock.service.start()
    wait_not_ready(run.penstock, f"{topic}", "checksum", timeout_s=30)
    book.spread(1, 10, 100)

    def landed(partition: int) -> list[bytes]:
        files = sorted((file for file in run.files(topic) if partition in file.ranges), key=lambda file: file.ranges[partition])
        return [line for file in files for line in file.lines]
    wait_until(lambda: landed(0) == book.lines[0], 30, "the other partition goes on")
    run.penstock.terminate()
    run.penstock.assert_did_not_crash()
    assert landed(1) == whole[1], "what is before the damage, and nothing behind it"


@pytest.mark.parametrize("on_data_loss", ["stop", "continue"])
def test_retention_that_was_quicker_than_the_reader(reading, kafka, on_data_loss):
    topic = kafka.create_topic(2)
    book = Book(kafka, topic)
    run = reading(kafka, [topic], {"source": {"on_data_loss": on_data_loss}})
    book.spread(2, 20, 100)
    run.penstock.start()
    run.wait_landed(book)
    assert run.penstock.terminate() == 0
    book.spread(2, 40, 100)
    kafka.delete_records_before(topic, {1: 25})
    run.penstock.service.start()

    def landed(partition: int) -> int:
        return sum(len(file.lines) for file in run.files(topic) if partition in file.ranges)
    wait_until(lambda: landed(0) == 30, 30, "the partition that lost nothing")
    if on_data_loss == "stop":
        wait_not_ready(run.penstock, topic, "10", "25")
        assert landed(1) == 10
    else:
        wait_until(lambda: landed(1) == 15, 30, "what is left of the other one")
        assert run.penstock.get("/readyz")[0] == 200
        lost = [file.metadata["lost"] for file in run.files(topic) if "lost" in file.metadata]
        assert lost == ["1:10-25"]
    told = [line for line in run.penstock.output.splitlines() if topic in line and "10" in line and "25" in line]
    assert told, run.penstock.output
    run.penstock.terminate()
    run.penstock.assert_did_not_crash()
