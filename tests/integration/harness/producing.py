"""Records with keys, headers and times, all of which the broker must take."""

from confluent_kafka import Producer

from .kafka import Kafka


class Producing:
    """Within `with`: what was sent is with the broker at its end, or the test fails."""

    def __init__(self, kafka: Kafka):
        self._failed = []
        self._producer = Producer({"bootstrap.servers": kafka.bootstrap, "enable.idempotence": True, "linger.ms": 5,
                                   "message.max.bytes": 2_000_000, "log_level": 0})

    def send(self, topic: str, partition: int, value: bytes | None, key: bytes | None = None, headers: list | None = None,
             timestamp: int = 0) -> None:
        """`timestamp` in ms; 0 is now."""
        self._producer.produce(topic, value, key, partition, headers=headers, timestamp=timestamp,
                               on_delivery=lambda error, _: self._failed.append(error) if error else None)
        self._producer.poll(0)

    def __enter__(self):
        return self

    def __exit__(self, kind, *_):
        left = self._producer.flush(60)
        assert kind is not None or (left == 0 and not self._failed), self._failed[:3]
