"""Kafka nodes in KRaft mode on the loopback, from the jars in build/deps/kafka."""

import itertools
import subprocess
import uuid
from pathlib import Path

from confluent_kafka import Consumer, TopicPartition
from confluent_kafka.admin import AdminClient, NewTopic

from harness.paths import DEPS
from harness.security import Secured
from harness.service import Service, free_port, wait_until

# A small heap and the quick compiler alone: the broker shares two cores with what it tests.
JVM_FLAGS = ["-Xms128m", "-Xmx512m", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1", "-Djava.awt.headless=true"]

PROPERTIES = """\
process.roles={roles}
node.id={node_id}
controller.quorum.voters=1@127.0.0.1:{controller_port}
listeners={listeners}
advertised.listeners=PLAINTEXT://127.0.0.1:{port}{advertised}
controller.listener.names=CONTROLLER
listener.security.protocol.map=PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT,SECURED:SASL_SSL
log.dirs={data}
log.retention.ms=-1
log.cleaner.dedupe.buffer.size=4194304
auto.create.topics.enable=false
broker.heartbeat.interval.ms=500
broker.session.timeout.ms=2000
message.max.bytes=2097152
offsets.topic.num.partitions=4
offsets.topic.replication.factor=1
transaction.state.log.num.partitions=4
transaction.state.log.replication.factor=1
transaction.state.log.min.isr=1
group.initial.rebalance.delay.ms=0
group.min.session.timeout.ms=1000
"""


class Kafka:
    """The first node of a cluster, its only controller; or another one, a mere broker, of the cluster of `first`.
    With `secured`: a second listener for those who log in, beside the one that asks nothing."""

    def __init__(self, directory: Path, secured: Secured | None = None, first: "Kafka | None" = None, node_id: int = 1,
                 **settings):
        self.directory = directory
        self.secured = secured
        self.node_id = node_id
        self.port = free_port()
        self.bootstrap = f"127.0.0.1:{self.port}"
        self._java = ["java", *JVM_FLAGS, "-cp", f"{DEPS / 'kafka'}/*"]
        self._properties = directory / "server.properties"
        self._names = itertools.count()
        directory.mkdir(parents=True, exist_ok=True)
        self.controller_port = first.controller_port if first else free_port()
        self.cluster_id = first.cluster_id if first else uuid.uuid4().hex[:22]
        listeners = [f"PLAINTEXT://127.0.0.1:{self.port}"]
        if first is None:
            listeners.append(f"CONTROLLER://127.0.0.1:{self.controller_port}")
        if secured:
            listeners.append(f"SECURED://127.0.0.1:{secured.port}")
        self._properties.write_text(PROPERTIES.format(
            roles="broker" if first else "broker,controller", node_id=node_id, listeners=",".join(listeners),
            port=self.port, controller_port=self.controller_port, data=directory / "data",
            advertised=f",SECURED://localhost:{secured.port}" if secured else "")
            + (secured.properties() if secured else "")
            + "".join(f"{key.replace('_', '.')}={value}\n" for key, value in settings.items()))
        self.service = Service([*self._java, "kafka.Kafka", self._properties], directory / "kafka.log")

    def format(self):
        done = subprocess.run(
            [*self._java, "kafka.tools.StorageTool", "format", "-t", self.cluster_id, "-c", self._properties,
             *(self.secured.format_arguments() if self.secured else [])],
            capture_output=True, text=True)
        assert done.returncode == 0, done.stdout + done.stderr

    def start(self):
        if self.service.running:
            return
        self.service.start()
        self.service.wait_port(self.port, 90)
        admin = self.admin()
        wait_until(lambda: self._answers(admin), 60, "Kafka answers a metadata request")

    @staticmethod
    def _answers(admin) -> bool:
        try:
            return bool(admin.list_topics(timeout=5).brokers)
        except Exception:  # the client's own; the broker is still starting
            return False

    def stop(self):
        self.service.stop(20)

    def kill(self):
        self.service.kill()

    def admin(self) -> AdminClient:
        return AdminClient({"bootstrap.servers": self.bootstrap, "log_level": 0})

    def set_client_quota(self, bytes_per_second: int | None):
        """Of every client; None: no quota any more."""
        change = ["--delete-config", "consumer_byte_rate"] if bytes_per_second is None else \
            ["--add-config", f"consumer_byte_rate={bytes_per_second}"]
        done = subprocess.run(
            [*self._java, "kafka.admin.ConfigCommand", "--bootstrap-server", self.bootstrap, "--alter", "--entity-type",
             "clients", "--entity-default", *change], capture_output=True, text=True, timeout=120)
        assert done.returncode == 0, done.stdout + done.stderr

    def create_topic(self, partitions: int, replicas: list[list[int]] | None = None, **config) -> str:
        """A topic that no other test uses. `replicas`: the nodes of each partition, the preferred leader first."""
        name = f"events-{next(self._names)}"
        admin = self.admin()
        settings = {key.replace("_", "."): str(value) for key, value in config.items()}
        placed = {"replica_assignment": replicas} if replicas else {"replication_factor": 1}
        admin.create_topics([NewTopic(name, partitions, config=settings, **placed)])[name].result(30)
        wait_until(lambda: self.has_leaders(admin, name, partitions), 30, f"{name} has leaders")
        return name

    @staticmethod
    def has_leaders(admin, name: str, partitions: int) -> bool:
        topic = admin.list_topics(name, timeout=10).topics.get(name)
        return bool(topic and len(topic.partitions) == partitions
                    and all(p.leader >= 0 for p in topic.partitions.values()))

    def leaders(self, topic: str) -> list[int]:
        found = self.admin().list_topics(topic, timeout=10).topics[topic].partitions
        return [found[partition].leader for partition in sorted(found)]

    def committed(self, group: str, topic: str, partitions: int) -> dict[int, int]:
        """The group's committed offset of each partition, as another client sees it; -1001 where there is none."""
        consumer = Consumer({"bootstrap.servers": self.bootstrap, "group.id": group})
        try:
            asked = [TopicPartition(topic, p) for p in range(partitions)]
            return {found.partition: found.offset for found in consumer.committed(asked, timeout=30)}
        finally:
            consumer.close()
