"""What the store asks for, takes, forgets and refuses: each answer to one request, and what penstock makes of it."""

import os
import subprocess
from collections import Counter

import pytest

from harness.azurite import Azurite
from harness.deployment import wait_not_ready
from harness.fault_proxy import Fault, is_blob_commit
from harness.lake import read_container
from harness.penstock import Penstock
from harness.security import Authority
from harness.service import wait_until


def is_head(request) -> bool:
    return request.method == "HEAD"


# TLS and rights

class Secured:
    """A blob service over TLS, and the certificates of a machine that knows its authority, or does not."""

    def __init__(self, directory):
        authority, stranger = Authority("penstock test CA"), Authority("somebody else's CA")
        self.ca, self.other_ca = authority.write(directory / "ca.pem"), stranger.write(directory / "other.pem")
        authority.issue("localhost", directory / "azurite.pem")
        self.azurite = Azurite(directory / "azurite", directory / "azurite.pem", self.ca)

    def trusted_by(self, penstock: Penstock, ca) -> Penstock:
        """`ca` is all that the system knows where this penstock runs: a mount of its own over the system's file."""
        command = penstock.service.command
        penstock.service.command = ["unshare", "--mount", "sh", "-c", f'mount --bind {ca} {SYSTEM_CA} && exec "$@"', "sh", *command]
        return penstock


SYSTEM_CA = "/etc/ssl/certs/ca-certificates.crt"


@pytest.fixture(scope="module")
def secured(tmp_path_factory):
    if subprocess.run(["unshare", "--mount", "true"], capture_output=True).returncode != 0 or not os.path.exists(SYSTEM_CA):
        pytest.skip(f"no mount over {SYSTEM_CA} is allowed here")
    place = Secured(tmp_path_factory.mktemp("secured"))
    place.azurite.start()
    yield place
    place.azurite.service.kill()


def with_sas(deployed, topic: str, azurite: Azurite, rights: str) -> dict:
    """The rights are letters: read, add, create, write, list."""
    config = deployed.config([topic])
    config["sink"]["auth"] = {"type": "sas", "token": azurite.sas(deployed.container, rights)}
    return config


@pytest.mark.parametrize("auth", ["key", "sas"])
def test_records_land_over_tls(deployment, kafka, secured, auth):
    deployed = deployment(kafka, secured.azurite)
    topic = kafka.create_topic(2)
    deployed.send(topic, 2, 300)
    config = with_sas(deployed, topic, secured.azurite, "racwl") if auth == "sas" else deployed.config([topic])
    penstock = secured.trusted_by(deployed.penstock(config, "--exit-at-end"), secured.ca)
    penstock.service.start()
    assert penstock.wait(60) == 0, penstock.output
    deployed.assert_exactly()
    for line in penstock.output.splitlines():
        assert "sig=" not in line and secured.azurite.key not in line


def test_a_store_whose_certificate_nobody_knows(deployment, kafka, secured):
    deployed = deployment(kafka, secured.azurite)
    penstock = deployed.penstock(deployed.config([kafka.create_topic(1)]))
    secured.trusted_by(penstock, secured.other_ca).service.start()
    penstock.ends_with(1, "the server's certificate is not trusted")


def test_another_authority_of_the_store_needs_no_restart(deployment, kafka, tmp_path):
    """The store comes back with a certificate of an authority that is not in `sink.tls.ca`, and then that file is replaced."""
    certificate, store_ca, ca = tmp_path / "azurite.pem", tmp_path / "store-ca.pem", tmp_path / "ca.pem"
    first, successor = Authority("penstock test CA"), Authority("the next CA")
    first.issue("localhost", certificate)
    first.write(store_ca)
    first.write(ca)
    store = Azurite(tmp_path / "azurite", certificate, store_ca)
    store.start()
    try:
        deployed = deployment(kafka, store)
        topic = kafka.create_topic(1)
        config = deployed.config([topic], {"sink": {"tls": {"ca": str(ca)}}})
        with deployed.penstock(config) as penstock:
            penstock.start()
            deployed.send(topic, 1, 200)
            penstock.wait_metric("penstock_records_landed_total", 200)
            store.stop()
            successor.issue("localhost", certificate)
            successor.write(store_ca)
            store.start()
            deployed.send(topic, 1, 200)
            wait_until(lambda: "certificate is not trusted" in penstock.output, 60, "the new certificate is refused")
            successor.write(ca)
            penstock.wait_metric("penstock_records_landed_total", 400)
            assert penstock.terminate() == 0, penstock.output
        deployed.assert_exactly()
    finally:
        store.service.kill()


def test_a_right_to_write_that_is_missing(deployment, kafka, azurite):
    deployed = deployment(kafka, azurite)
    topic = kafka.create_topic(1)
    deployed.send(topic, 1, 10)
    penstock = deployed.penstock(with_sas(deployed, topic, azurite, "rl"))
    penstock.service.start()
    penstock.ends_with(1, "403 AuthorizationPermissionMismatch", "a SAS with read, create, write and list")
    assert not deployed.landed()
    assert deployed.entry(topic)[0] < 0, "nothing is committed"


# What is lost or forgotten

def test_a_store_that_is_away_at_the_start_is_one_warning(deployment, kafka, azurite, proxy):
    deployed = deployment(kafka, azurite)
    topic = kafka.create_topic(1)
    deployed.send(topic, 1, 100)
    proxy.down()
    penstock = deployed.penstock(deployed.config([topic], port=proxy.port))
    penstock.service.start()
    wait_until(penstock.has_workers, 30, "it begins all the same")
    penstock.wait_metric("penstock_records_received_total", 100)
    wait_not_ready(penstock, "uploads fail")
    assert penstock.output.count("the sink does not answer yet") == 1
    proxy.up()
    deployed.wait_landed()
    assert penstock.terminate() == 0
    deployed.assert_finished(topic, {0: 100})


def test_blocks_that_the_store_has_forgotten_are_put_again(deployment, kafka, azurite, proxy):
    """A blob of the same name that came and went took the blocks with it. So the list names what is not there."""
    deployed = deployment(kafka, azurite)
    topic = kafka.create_topic(1)

    def forget():
        blob = azurite.client().get_blob_client(deployed.container, fault.blob)
        blob.commit_block_list(blob.get_block_list("uncommitted")[1][:1])
        blob.delete_blob()
    fault = Fault(lambda request: "comp=blocklist" in request.path, on_arrival=forget)
    proxy.add(fault)
    penstock = deployed.penstock(deployed.config([topic], {"sink": {"block_bytes": "256KiB"}}, proxy.port)).start()
    deployed.send(topic, 1, 2000, size=1000)
    penstock.wait_metric("penstock_blobs_published_total", 1)
    lists = proxy.seen(lambda request: "comp=blocklist" in request.path)
    assert [request.status for request in lists] == [400, 201] and len(fault.requests) == 1
    assert proxy.seen(is_head), "whether it is ours was not asked"
    assert penstock.terminate() == 0
    deployed.assert_exactly()
    deployed.assert_finished(topic, {0: 2000})


# Strangers, and workers that fail

def test_a_blob_of_somebody_else_ends_it_when_the_other_worker_is_done(deployment, kafka, azurite, proxy):
    """Two workers. One of them finds its name taken. The other publishes and commits what it has, then the process ends
    with the first one's error. The blob is as it was."""
    deployed = deployment(kafka, azurite)
    topic = kafka.create_topic(2)
    foreign = b"somebody else's"

    def put_another():
        azurite.client().get_blob_client(deployed.container, fault.blob).upload_blob(foreign)
    fault = Fault(is_blob_commit, on_arrival=put_another)
    proxy.add(fault)
    penstock = deployed.penstock(deployed.config([topic], {
        "runtime": {"workers": 2}, "batch": {"max_age": "5s"}}, proxy.port)).start()
    wait_until(lambda: all(penstock.metric("penstock_assigned_partitions", worker=worker) == 1 for worker in "01"), 60,
               "each worker has a partition")
    deployed.send_uncounted(topic, [0], 50)
    penstock.wait_metric("penstock_records_received_total", 50)
    deployed.send(topic, [1], 50)  # younger: their batch is open when the other one is published
    penstock.wait_metric("penstock_records_received_total", 100)
    penstock.ends_with(1, "exists and was not written by this process", "nothing was overwritten or committed")
    assert fault.blob.rsplit("/", 1)[1] in penstock.output
    files = read_container(azurite, deployed.container)
    assert [file.stored for file in files if file.name == fault.blob] == [foreign]
    assert Counter(line for file in files if file.name != fault.blob for line in file.lines) == deployed.sent
    deployed.assert_finished(topic, {1: 50})
    offset, metadata = deployed.entry(topic, 0)
    assert offset <= 0, f"committed: ({offset}, {metadata!r})"
