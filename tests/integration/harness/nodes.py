"""One broker and one blob service for the whole session, as fixtures: a conftest.py imports those that its tests use."""

import pytest

from harness.azurite import Azurite
from harness.kafka import Kafka


@pytest.fixture(scope="session")
def kafka_node(tmp_path_factory) -> Kafka:
    node = Kafka(tmp_path_factory.mktemp("kafka"))
    node.format()
    node.start()
    yield node
    node.kill()


@pytest.fixture
def kafka(kafka_node) -> Kafka:
    """The broker, up, whatever the test before did to it."""
    kafka_node.start()
    return kafka_node


@pytest.fixture(scope="session")
def azurite_node(tmp_path_factory) -> Azurite:
    node = Azurite(tmp_path_factory.mktemp("azurite"))
    node.start()
    yield node
    node.service.kill()


@pytest.fixture
def azurite(azurite_node) -> Azurite:
    azurite_node.start()
    return azurite_node
