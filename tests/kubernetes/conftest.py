"""A cluster, a broker and a store for the whole session, all on the node's own address."""

import os
import subprocess
from pathlib import Path

import pytest

from harness.azurite import Azurite
from harness.kafka import Kafka
from harness.paths import ROOT, penstock_binary
from harness.security import Authority
from node import images
from node.cluster import ADDRESS, DEBIAN, PROGRAM, Cluster

PENSTOCK = "localhost/penstock:test"
NEXT = "localhost/penstock:next"  # the same image by another name, for updates
BUSYBOX = "localhost/busybox:test"


def pytest_collection_modifyitems(items):
    for item in items:
        if item.path.is_relative_to(Path(__file__).parent):
            item.add_marker(pytest.mark.timeout(1500))


@pytest.fixture(scope="session")
def cluster(tmp_path_factory) -> Cluster:
    if os.environ.get("PENSTOCK_TEST_NODE") != "inside" or not PROGRAM.exists():
        pytest.fail("these tests start a cluster on a machine of its own: ./dev test kubernetes", pytrace=False)
    directory = tmp_path_factory.mktemp("cluster")
    cluster = Cluster(directory)
    try:
        cluster.start()
        for archive in node_images(directory):
            cluster.load(archive)
            if archive.stem == "penstock":
                found = images.name_in(archive)
                for name in {PENSTOCK, NEXT} - {found}:
                    cluster.name_image(found, name)
        yield cluster
    finally:
        cluster.stop()


def node_images(directory: Path) -> list[Path]:
    """The archives of what the node runs. PENSTOCK_TEST_IMAGE is that of penstock's real image. Without it, one is made that has
    the binary, its libraries and nothing else."""
    pause = directory / "pause"
    subprocess.run(["gcc", "-static", "-O2", "-o", pause, ROOT / "tests" / "kubernetes" / "node" / "pause.c"], check=True)
    images.write(directory / "pause.tar", "localhost/pause:test", {"/pause": pause}, {"Entrypoint": ["/pause"]})
    images.write(directory / "busybox.tar", BUSYBOX, {"/bin/busybox": DEBIAN / "bin" / "busybox"}, {"Cmd": ["/bin/sh"]},
                 {f"/bin/{name}": "busybox" for name in ("sh", "cp", "mv", "sleep")})
    real = os.environ.get("PENSTOCK_TEST_IMAGE")
    penstock = Path(real).resolve() if real else directory / "penstock.tar"
    if real:
        (directory / "penstock.tar").symlink_to(penstock)
    else:
        images.of_binary(penstock, PENSTOCK, penstock_binary(), "/usr/bin/penstock",
                         arguments=("run", "--config", "/etc/penstock/penstock.yaml"))
    return [directory / "pause.tar", directory / "busybox.tar", directory / "penstock.tar"]


@pytest.fixture(scope="session")
def kafka(cluster, tmp_path_factory) -> Kafka:
    node = Kafka(tmp_path_factory.mktemp("kafka"), host=ADDRESS)
    node.format()
    node.start()
    yield node
    node.kill()


@pytest.fixture(scope="session")
def azurite(cluster, tmp_path_factory) -> Azurite:
    """Over TLS: penstock takes plain HTTP of its own machine alone, and a pod is another one."""
    directory = tmp_path_factory.mktemp("azurite")
    authority = Authority("Authority of the test's store")
    authority.issue(ADDRESS, directory / "store.pem")
    node = Azurite(directory, directory / "store.pem", authority.write(directory / "ca.pem"), host=ADDRESS)
    node.start()
    yield node
    node.service.kill()
