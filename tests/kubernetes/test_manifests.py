"""The API server takes every kustomization as it is, without a warning, and would not take what is misspelt."""

import json
import os
import shutil

import pytest

from harness.paths import ROOT
from node.cluster import Cluster

KUBERNETES = ROOT / "container" / "kubernetes"
OVERLAYS = sorted(path.parent for path in (KUBERNETES / "overlays").glob("*/kustomization.yaml"))
STRICT = ("--dry-run=server", "--validate=strict", "--warnings-as-errors")
PRIVILEGED = {"node-disk"}  # which mounts a directory of the node


@pytest.fixture(scope="module")
def namespaced(cluster) -> Cluster:
    cluster.kubectl("apply", "-f", KUBERNETES / "namespace.yaml", "--validate=strict", "--warnings-as-errors")
    cluster.kubectl("apply", "-f", ROOT / "tests" / "kubernetes" / "kinds.yaml", "--warnings-as-errors")
    cluster.kubectl("wait", "--for=condition=Established", "--timeout=60s", "-f", ROOT / "tests" / "kubernetes" / "kinds.yaml")
    return cluster


@pytest.fixture
def privileged(namespaced):
    enforce(namespaced, "privileged")
    yield namespaced
    enforce(namespaced, "restricted")


def enforce(cluster: Cluster, level: str):
    labels = [f"pod-security.kubernetes.io/{mode}={level}" for mode in ("enforce", "warn", "audit")]
    cluster.kubectl("label", "namespace", "penstock", *labels, "--overwrite")


def taken(cluster: Cluster, directory) -> str:
    done = cluster.kubectl("apply", "-k", directory, *STRICT)
    assert "Warning" not in done.stderr, done.stderr
    return done.stdout


@pytest.mark.parametrize("directory", [KUBERNETES / "base", KUBERNETES / "seccomp",
                                       *(each for each in OVERLAYS if each.name not in PRIVILEGED)], ids=lambda path: path.name)
def test_the_server_takes_it_without_a_warning(namespaced, directory):
    said = taken(namespaced, directory)
    assert "daemonset.apps/penstock" in said or "statefulset.apps/penstock" in said or "deployment.apps/penstock" in said


@pytest.mark.parametrize("name", sorted(PRIVILEGED))
def test_what_mounts_a_directory_of_the_node_is_taken_in_a_privileged_namespace(privileged, name):
    taken(privileged, KUBERNETES / "overlays" / name)


@pytest.mark.parametrize("name", sorted(PRIVILEGED))
def test_what_mounts_a_directory_of_the_node_is_warned_of_elsewhere(namespaced, name):
    done = namespaced.kubectl("apply", "-k", KUBERNETES / "overlays" / name, *STRICT, check=False)
    assert done.returncode != 0 and "hostPath" in done.stderr, done.stdout + done.stderr


# disruption-budget is in those two already, and for no DaemonSet.
@pytest.mark.parametrize("component", ["key-vault", "monitoring", "seccomp"])
@pytest.mark.parametrize("workload", ["base", "overlays/statefulset", "overlays/deployment"])
def test_the_server_takes_each_workload_with_each_component(namespaced, tmp_path, component, workload):
    (tmp_path / "kustomization.yaml").write_text(json.dumps({
        "apiVersion": "kustomize.config.k8s.io/v1beta1", "kind": "Kustomization", "namespace": "penstock",
        "resources": [os.path.relpath(KUBERNETES / workload, tmp_path.resolve())],
        "components": [os.path.relpath(KUBERNETES / "components" / component, tmp_path.resolve())]}))
    said = taken(namespaced, tmp_path)
    assert said.count("apps/penstock") == 1, said


@pytest.mark.parametrize("was, becomes, said", [
    ("livenessProbe:", "livenesProbe:", "livenesProbe"),
    ("memory: 256Mi", "memory: 512Mi", "must be less than or equal to memory limit"),
    ("name: stage, mountPath", "name: stages, mountPath", "stages"),
    ("runAsNonRoot: true", "runAsNonRoot: false", "runAsNonRoot"),
])
def test_the_server_would_not_take_it_with_a_mistake(namespaced, tmp_path, was, becomes, said):
    """So that the tests above can fail."""
    shutil.copytree(KUBERNETES, tmp_path / "kubernetes")
    pod = tmp_path / "kubernetes" / "components" / "pod" / "pod.yaml"
    assert was in pod.read_text()
    pod.write_text(pod.read_text().replace(was, becomes))
    done = namespaced.kubectl("apply", "-k", tmp_path / "kubernetes" / "base", *STRICT, check=False)
    assert done.returncode != 0 and said in done.stderr, done.stdout + done.stderr
