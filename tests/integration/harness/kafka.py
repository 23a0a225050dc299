"""Kafka nodes in KRaft mode on the loopback, from the jars in build/deps/kafka and kafka-4.1."""

import itertools
import os
import subprocess
import uuid
from pathlib import Path

from confluent_kafka import (Consumer, ConsumerGroupState, ConsumerGroupTopicPartitions, KafkaError, KafkaException,
                             TopicCollection, TopicPartition)
from confluent_kafka.admin import (AclBinding, AclBindingFilter, AclOperation, AclPermissionType, AdminClient,
                                   NewPartitions, NewTopic, OffsetSpec, ResourcePatternType, ResourceType)

from harness.entries import FOR_THE_MOMENT, Entry, read_entries, write_entry
from harness.paths import DEPS
from harness.security import Mutual, Secured
from harness.service import Service, free_port, wait_until

# A small heap and the quick compiler alone: the broker shares two cores with what it tests.
JVM_FLAGS = ["-Xms128m", "-Xmx512m", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1", "-Djava.awt.headless=true"]

# PENSTOCK_KAFKA=4.1 runs any test over the other one.
JARS = {"3.9": DEPS / "kafka", "4.1": DEPS / "kafka-4.1"}
VERSION = os.environ.get("PENSTOCK_KAFKA", "3.9")

PROPERTIES = """\
process.roles={roles}
node.id={node_id}
controller.quorum.voters=1@127.0.0.1:{controller_port}
listeners={listeners}
advertised.listeners=PLAINTEXT://{host}:{port}{advertised}
controller.listener.names=CONTROLLER
listener.security.protocol.map=PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT,SECURED:{secured_protocol}
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
    With `secured`: a second listener for those who log in, beside the one that asks nothing. `version`: of JARS. `host`: another
    address to listen on."""

    def __init__(self, directory: Path, secured: Secured | Mutual | None = None, first: "Kafka | None" = None, node_id: int = 1,
                 version: str = VERSION, jvm_flags: list[str] = JVM_FLAGS, host: str = "127.0.0.1", **settings):
        self.directory = directory
        self.version = version
        self.secured = secured
        self.node_id = node_id
        self.port = free_port()
        self.host = host
        self.bootstrap = f"{host}:{self.port}"
        self._java = ["java", *jvm_flags, "-cp", f"{JARS[version]}/*"]
        self._properties = directory / "server.properties"
        self._names = itertools.count()
        directory.mkdir(parents=True, exist_ok=True)
        self.controller_port = first.controller_port if first else free_port()
        self.cluster_id = first.cluster_id if first else uuid.uuid4().hex[:22]
        listeners = [f"PLAINTEXT://{self.bootstrap}"]
        if first is None:
            listeners.append(f"CONTROLLER://127.0.0.1:{self.controller_port}")
        if secured:
            listeners.append(f"SECURED://127.0.0.1:{secured.port}")
        self._properties.write_text(PROPERTIES.format(
            roles="broker" if first else "broker,controller", node_id=node_id, listeners=",".join(listeners),
            host=host, port=self.port, controller_port=self.controller_port, data=directory / "data",
            secured_protocol=secured.protocol if secured else "SASL_SSL",
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
        self.service.wait_port(self.port, 90, self.host)
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
        name = self.fresh_name()
        self.create_topic_named(name, partitions, replicas, **config)
        return name

    def fresh_name(self) -> str:
        return f"events-{next(self._names)}"

    def create_topic_named(self, name: str, partitions: int, replicas: list[list[int]] | None = None, **config):
        admin = self.admin()
        settings = {key.replace("_", "."): str(value) for key, value in config.items()}
        placed = {"replica_assignment": replicas} if replicas else {"replication_factor": 1}

        def made() -> bool:
            try:
                admin.create_topics([NewTopic(name, partitions, config=settings, **placed)])[name].result(30)
            except KafkaException as refused:
                # A busy machine's controller has not heard from its broker for a while.
                if refused.args[0].code() != KafkaError.INVALID_REPLICATION_FACTOR:
                    raise
                return False
            return True

        wait_until(made, 30, f"{name} is made", 0.5)
        wait_until(lambda: self.has_leaders(admin, name, partitions), 30, f"{name} has leaders")
        wait_until(lambda: self._leads(admin, name, partitions), 30, f"the leaders of {name} lead")

    def delete_topic(self, name: str):
        admin = self.admin()  # it gives up what is under way when nobody holds it any more
        admin.delete_topics([name])[name].result(30)

    def make_anew(self, name: str, partitions: int = 1):
        """Deletes the topic and makes another one of the same name."""
        self.delete_topic(name)
        self.create_topic_named(name, partitions)

    def topic_id(self, name: str) -> str:
        """32 lower-case hex digits."""
        admin = self.admin()
        found = admin.describe_topics(TopicCollection([name]))[name].result(30).topic_id
        bits = (found.get_most_significant_bits() << 64) | (found.get_least_significant_bits() & (1 << 64) - 1)
        return f"{bits & (1 << 128) - 1:032x}"

    def add_partitions(self, name: str, count: int):
        """Until the topic has `count`."""
        admin = self.admin()
        admin.create_partitions([NewPartitions(name, count)])[name].result(30)
        wait_until(lambda: self.has_leaders(admin, name, count), 30, f"{count} partitions of {name} have leaders", 0.02)

    def delete_records_before(self, name: str, offsets: dict[int, int]):
        """As retention does: the logs begin there."""
        asked = [TopicPartition(name, partition, offset) for partition, offset in offsets.items()]
        admin = self.admin()
        for future in admin.delete_records(asked).values():
            future.result(30)

    def log_ends(self, name: str, partitions: int) -> dict[int, int]:
        return self._log_ends(self.admin(), name, partitions)

    @staticmethod
    def _log_ends(admin, name: str, partitions: int) -> dict[int, int]:
        asked = {TopicPartition(name, partition): OffsetSpec.latest() for partition in range(partitions)}
        return {place.partition: future.result(30).offset for place, future in admin.list_offsets(asked).items()}

    @classmethod
    def _leads(cls, admin, name: str, partitions: int) -> bool:
        """A busy broker refuses for a moment to lead what its metadata say that it leads."""
        try:
            return len(cls._log_ends(admin, name, partitions)) == partitions
        except KafkaException as refused:
            if refused.args[0].code() not in NOT_LEADING_YET:
                raise
            return False

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

    def entries(self, group: str, topic: str, partitions: list[int]) -> list[Entry]:
        """The group's entries with all that belongs to them, as its administrator sees them."""
        return read_entries((self.host, self.port), group, topic, partitions)

    def write_entry(self, group: str, topic: str, partition: int, entry: Entry):
        write_entry((self.host, self.port), group, topic, partition, entry)

    def set_entries(self, group: str, entries: list[TopicPartition]):
        """As somebody does who resets offsets by hand: the broker refuses it while the group has a member."""
        asked = ConsumerGroupTopicPartitions(group, entries)
        admin = self.admin()

        def written() -> bool:
            errors = [place.error for place in
                      admin.alter_consumer_group_offsets([asked])[group].result(30).topic_partitions]
            assert all(error is None or error.code() in FOR_THE_MOMENT for error in errors), errors
            return all(error is None for error in errors)

        wait_until(written, 30, f"the entries of {group} are written")

    def members(self, group: str) -> int:
        admin = self.admin()
        found = admin.describe_consumer_groups([group])[group].result(30)
        return 0 if found.state == ConsumerGroupState.DEAD else len(found.members)

    # Rights, of a broker with an authorizer: see AUTHORIZER

    def let_all_but_read(self, topic: str):
        """Nobody may read this topic, nor commit an offset of it; it is seen, and written to."""
        admin = self.admin()
        rules = [_rule(topic, AclOperation.ALL, AclPermissionType.ALLOW), _rule(topic, AclOperation.READ, AclPermissionType.DENY)]
        for future in admin.create_acls(rules).values():
            future.result(30)

    def let_nobody_see(self, topic: str):
        self._add_rule(_rule(topic, AclOperation.ALL, AclPermissionType.DENY))

    def let_nobody_join(self, group: str):
        self._add_rule(_rule(group, AclOperation.READ, AclPermissionType.DENY, ResourceType.GROUP))

    def _add_rule(self, rule: AclBinding):
        admin = self.admin()
        admin.create_acls([rule])[rule].result(30)

    def let_read(self, topic: str):
        rule = AclBindingFilter(ResourceType.TOPIC, topic, ResourcePatternType.LITERAL, None, None, AclOperation.READ,
                                AclPermissionType.DENY)
        admin = self.admin()
        for future in admin.delete_acls([rule]).values():
            future.result(30)


# The last: a broker has not taken up yet the epoch that its metadata tell.
NOT_LEADING_YET = (KafkaError.NOT_LEADER_FOR_PARTITION, KafkaError.LEADER_NOT_AVAILABLE, KafkaError.UNKNOWN_TOPIC_OR_PART,
                   KafkaError.UNKNOWN_LEADER_EPOCH)

# What makes a broker ask who may do what. All who say nothing of themselves are one user, who may do all that no rule forbids.
AUTHORIZER = {"authorizer_class_name": "org.apache.kafka.metadata.authorizer.StandardAuthorizer",
              "allow_everyone_if_no_acl_found": "true"}


def _rule(name: str, operation: AclOperation, permission: AclPermissionType,
          kind: ResourceType = ResourceType.TOPIC) -> AclBinding:
    return AclBinding(kind, name, ResourcePatternType.LITERAL, "User:ANONYMOUS", "*", operation, permission)
