"""The image's own authorities are what brokers and store are held to: a bundle that is mounted over theirs is trusted alone."""

import pytest

from harness.azurite import Azurite
from harness.kafka import Kafka
from harness.security import PASSWORD, USER, Authority, Secured
from harness.service import free_port, wait_until

BUNDLE = "/etc/ssl/certs/ca-certificates.crt"


class Place:
    def __init__(self, directory):
        authority = Authority("penstock test CA")
        self.ca = authority.write(directory / "ca.pem")
        self.ca.chmod(0o444)
        for name in ("broker", "store"):
            authority.issue("localhost", directory / f"{name}.pem")
        self.port = free_port()
        self.kafka = Kafka(directory / "kafka", Secured(self.port, directory / "broker.pem"))
        self.azurite = Azurite(directory / "azurite", directory / "store.pem", self.ca)


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    place = Place(tmp_path_factory.mktemp("secured"))
    place.kafka.format()
    place.kafka.start()
    place.azurite.start()
    yield place
    place.kafka.kill()
    place.azurite.service.kill()


@pytest.fixture
def secured(place, intake):
    """secured(words of podman) -> the intake, and a container that logs in over TLS."""
    def make(*options: str):
        here = intake(2, place.kafka, place.azurite)
        return here, here.contained(
            {"source": {"brokers": [f"localhost:{place.port}"], "tls": {"enabled": True},
                        "auth": {"type": "sasl-plain", "username": USER, "password": "${file:/run/secrets/penstock/broker}"}}},
            options=("--network=host", *options), secrets={"broker": PASSWORD})
    return make


def test_a_mounted_bundle_is_trusted(place, secured):
    here, container = secured("-v", f"{place.ca}:{BUNDLE}:ro")
    container.start()
    here.send(200)
    here.wait_landed()
    assert container.stop() == 0, container.output[-3000:]
    counted = here.tally()
    assert not counted.faults and counted.lines == 200, counted.faults


def test_a_stranger_s_certificate_is_not(secured):
    _, container = secured()
    container.service.start()
    wait_until(lambda: "certificate" in container.output, 60, "a certificate is refused")
    assert container.get("/readyz")[0] != 200
