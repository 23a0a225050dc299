"""Pods come, crash, are replaced, updated, evicted and scaled under load. In the end each record is in the lake exactly once.

The times are those of the defaults: fence_wait 10 s, a session timeout of 30 s, and files every 2 s. They are told, not asserted:
the machine is shared.
"""

import json
import os
import shutil
from pathlib import Path

import pytest

from conftest import BUSYBOX, NEXT, PENSTOCK
from harness.service import wait_until
from node.cluster import NODE
from node.deployed import KUBERNETES, Deployed


@pytest.fixture
def namespace(cluster):
    cluster.kubectl("apply", "-f", KUBERNETES / "namespace.yaml", "--validate=strict", "--warnings-as-errors")
    yield "penstock"
    cluster.kubectl("delete", "namespace", "penstock", "--wait=true")


@pytest.fixture
def deployed(cluster, kafka, azurite, namespace, tmp_path):
    """deployed(base, workload, changes of the kustomization) -> Deployed"""
    made: list[Deployed] = []

    def make(base: str, workload: str, **changes) -> Deployed:
        made.append(Deployed(cluster, kafka, azurite, tmp_path / f"deployed-{len(made)}", base, workload, PENSTOCK, changes))
        return made[-1]

    yield make
    for each in made:
        each.remove()


@pytest.fixture
def profile_on_the_node(cluster, tmp_path):
    """Shipped as the page says; its image is one that the node has."""
    name, tag = BUSYBOX.rsplit(":", 1)
    (tmp_path / "seccomp").mkdir()
    (tmp_path / "seccomp" / "kustomization.yaml").write_text(
        f"resources: [{os.path.relpath(KUBERNETES / 'seccomp', (tmp_path / 'seccomp').resolve())}]\n"
        f"images: [{{name: busybox, newName: {name}, newTag: {tag}}}]\n")
    cluster.kubectl("apply", "-k", tmp_path / "seccomp", "--validate=strict", "--warnings-as-errors")
    cluster.kubectl("-n", "kube-system", "rollout", "status", "daemonset/penstock-seccomp", "--timeout=120s")
    yield
    cluster.kubectl("delete", "-k", tmp_path / "seccomp")


def taint(cluster, pods: Deployed):
    """Who drains a node leaves a DaemonSet's pods alone. This evicts them too, and the node takes them back after."""
    cluster.kubectl("taint", "node", NODE, "out-of-service=for-a-while:NoExecute")
    wait_until(lambda: not pods.pods(), 60, "the node has no pod of it")
    cluster.kubectl("taint", "node", NODE, "out-of-service-")
    wait_until(pods.ready, 120, "there is a pod again")


def test_a_daemonset_lands_each_record_once_whatever_becomes_of_its_pod(cluster, deployed, profile_on_the_node):
    pods = deployed("base", "daemonset/penstock", components=["components/seccomp"])
    pods.apply()
    pods.start_load()
    assert pods.metric(pods.pods()[0], "penstock_io_backend", backend="io_uring") == 1
    pods.event("nothing happens", pods.undisturbed)
    pods.event("kill -9 of the container", pods.crash)
    pods.event("pod deleted", pods.delete)
    pods.event("pod deleted by force", lambda: pods.delete("--grace-period=0", "--force"))
    pods.event("rolling update", lambda: pods.update(NEXT))
    pods.event("node tainted, pod evicted", lambda: taint(cluster, pods))
    print(f"{pods.workload}: at most {pods.peak_memory(pods.pods()[0]) >> 20} MiB in the pod's control group", flush=True)
    pods.assert_exact()


def test_a_stage_on_the_node_is_found_again_by_the_next_pod(cluster, deployed):
    labels = [f"pod-security.kubernetes.io/{mode}=privileged" for mode in ("enforce", "warn", "audit")]
    cluster.kubectl("label", "namespace", "penstock", *labels, "--overwrite")
    cluster.kubectl("label", "node", NODE, "penstock.dev/stage=node-disk", "--overwrite")
    stage = Path("/var/lib/stage-of-the-node")  # here, /var/lib is the test's own
    stage.mkdir(mode=0o700)
    shutil.chown(stage, 65532, 65532)
    on_the_stage = {"volumes": [{"name": "stage", "hostPath": {"path": str(stage), "type": "Directory"}}]}
    patch = {"apiVersion": "apps/v1", "kind": "DaemonSet", "metadata": {"name": "penstock"},
             "spec": {"template": {"spec": on_the_stage}}}
    pods = deployed("overlays/node-disk", "daemonset/penstock", patches=[{"patch": json.dumps(patch)}])
    pods.apply()
    pods.start_load()
    pods.event("kill -9 of the container", pods.crash)
    pods.event("rolling update", lambda: pods.update(NEXT))
    said = cluster.kubectl("-n", "penstock", "logs", pods.pods()[0]["metadata"]["name"]).stdout
    assert "of an earlier run" in said, said
    pods.assert_exact()


def drain(cluster, pods: Deployed):
    """The budget lets one pod go at a time. The node is the only one, so its successor waits, and with it the second pod."""
    budget = cluster.get("-n", "penstock", "poddisruptionbudget", "penstock")
    assert budget["status"]["disruptionsAllowed"] == 1, budget["status"]
    done = cluster.kubectl("drain", NODE, "--ignore-daemonsets", "--delete-emptydir-data", "--timeout=20s", check=False)
    assert done.returncode != 0 and "disruption budget" in done.stderr, done.stdout + done.stderr
    assert len([pod for pod in pods.pods() if pod["status"]["phase"] == "Running"]) == 1
    cluster.kubectl("uncordon", NODE)
    pods.rolled_out()


def scale(cluster, pods: Deployed, count: int):
    cluster.kubectl("-n", "penstock", "scale", pods.workload, f"--replicas={count}")
    wait_until(lambda: len(pods.pods()) == len(pods.ready()) == count, 120, f"there are {count} pods")


@pytest.mark.parametrize("kind", ["statefulset", "deployment"])
def test_pods_that_share_a_group_land_each_record_once(cluster, deployed, kind):
    changes = {}
    if kind == "statefulset":
        disks(cluster, 3)
        changes["patches"] = [{"target": {"kind": "StatefulSet"}, "patch":
                               '[{"op": "replace", "path": "/spec/volumeClaimTemplates/0/spec/storageClassName", '
                               '"value": "disks-of-the-test"}]'}]
    pods = deployed(f"overlays/{kind}", f"{kind}/penstock", **changes)
    pods.apply()
    pods.start_load()
    pods.event("nothing happens", pods.undisturbed)
    pods.event("kill -9 of a container", pods.crash)
    pods.event("pod deleted", pods.delete)
    pods.event("rolling update", lambda: pods.update(NEXT))
    pods.event("node drained", lambda: drain(cluster, pods))
    pods.event("two pods to three", lambda: scale(cluster, pods, 3))
    pods.event("three pods to two", lambda: scale(cluster, pods, 2))
    pods.assert_exact()


def disks(cluster, count: int):
    """Volumes that wait for a claim: there is nobody here who would make them."""
    for number in range(count):
        path = Path(f"/var/lib/disk-{number}")
        path.mkdir(mode=0o700)
        shutil.chown(path, 65532, 65532)
        cluster.kubectl("apply", "-f", "-", input=json.dumps({
            "apiVersion": "v1", "kind": "PersistentVolume", "metadata": {"name": f"disk-{number}"},
            "spec": {"capacity": {"storage": "32Gi"}, "accessModes": ["ReadWriteOnce"], "storageClassName": "disks-of-the-test",
                     "persistentVolumeReclaimPolicy": "Retain", "hostPath": {"path": str(path)}}}))
