"""A cluster of one node: the programs of Kubernetes from build/kubernetes/cluster, and Debian's containerd, runc and network
plugins from build/kubernetes/node. `./dev test kubernetes` puts them there.

It runs where enter.sh runs its command. There it has the machine for itself, so that every port and directory is the usual one.
"""

import json
import os
import subprocess
import urllib.error
import urllib.request
from pathlib import Path

from harness.paths import ROOT
from harness.service import Service, wait_until

BUILT = ROOT / "build" / "kubernetes"
PROGRAM = BUILT / "cluster"
DEBIAN = BUILT / "node"
ADDRESS = "10.244.8.1"  # of the bridge that enter.sh makes: the node's, and the way out of its pods
PODS = "10.244.8.0/24"
NODE = "node-1"
TOKEN = "of-the-administrator"  # of a cluster that nobody else can reach, and that lives for minutes
SOCKET = "/run/containerd.sock"
KUBELET = Path("/var/lib/kubelet")

CONTAINERD = f"""\
version = 2
root = "/var/lib/containerd"
state = "/run/containerd"
[grpc]
  address = "{SOCKET}"
[plugins."io.containerd.grpc.v1.cri"]
  sandbox_image = "localhost/pause:test"
  # Who may not raise a limit may not lower a score either: containers keep what they inherit.
  restrict_oom_score_adj = true
  [plugins."io.containerd.grpc.v1.cri".cni]
    bin_dir = "{DEBIAN}/usr/lib/cni"
    conf_dir = "/run/cni"
  [plugins."io.containerd.grpc.v1.cri".containerd.runtimes.runc]
    runtime_type = "io.containerd.runc.v2"
    [plugins."io.containerd.grpc.v1.cri".containerd.runtimes.runc.options]
      SystemdCgroup = false
"""

NETWORK = {
    "cniVersion": "1.0.0", "name": "pods",
    "plugins": [{"type": "bridge", "bridge": "pods0", "isGateway": True, "ipMasq": False,
                 "ipam": {"type": "host-local", "subnet": PODS, "gateway": ADDRESS, "rangeStart": "10.244.8.10",
                          "rangeEnd": "10.244.8.250"}}],
}

KUBELET_CONFIGURATION = {
    "apiVersion": "kubelet.config.k8s.io/v1beta1", "kind": "KubeletConfiguration",
    "address": ADDRESS,
    "authentication": {"anonymous": {"enabled": True}, "webhook": {"enabled": False}},
    "authorization": {"mode": "AlwaysAllow"},
    "cgroupDriver": "cgroupfs", "cgroupRoot": os.environ.get("PENSTOCK_TEST_CGROUP", "/"), "failCgroupV1": False,
    "containerRuntimeEndpoint": f"unix://{SOCKET}",
    "failSwapOn": False, "makeIPTablesUtilChains": False, "localStorageCapacityIsolation": True,
    "evictionHard": {"memory.available": "100Mi", "nodefs.available": "1%", "imagefs.available": "1%"},
    "syncFrequency": "10s", "nodeStatusUpdateFrequency": "2s",
}


class Cluster:
    def __init__(self, directory: Path):
        self.directory = directory
        self.kubeconfig = directory / "kubeconfig"
        self.services: list[Service] = []
        self._path = {"PATH": f"{DEBIAN}/usr/bin:{DEBIAN}/usr/sbin:{os.environ['PATH']}"}

    # Start and end

    def start(self):
        self.directory.mkdir(parents=True, exist_ok=True)
        self._write_credentials()
        etcd = "http://127.0.0.1:2379"
        self._run("etcd", "--data-dir", self.directory / "etcd", "--listen-client-urls", etcd, "--advertise-client-urls", etcd,
                  "--unsafe-no-fsync", "--log-level", "error")
        key = self.directory / "accounts.key"
        self._run("kube-apiserver", f"--etcd-servers={etcd}", "--bind-address=127.0.0.1", "--secure-port=6443",
                  f"--advertise-address={ADDRESS}", f"--cert-dir={self.directory / 'certificates'}",
                  f"--service-account-key-file={key}", f"--service-account-signing-key-file={key}",
                  "--service-account-issuer=https://kubernetes.default.svc", "--service-cluster-ip-range=10.96.0.0/24",
                  "--authorization-mode=Node,RBAC", f"--token-auth-file={self.directory / 'tokens.csv'}",
                  "--endpoint-reconciler-type=none", "--kubelet-preferred-address-types=InternalIP",
                  # Off in production, and needed for nothing here but hostPath in pods that are not privileged.
                  "--allow-privileged=true")
        wait_until(self._answers, 120, "the API server is ready", 0.25)
        self._run("kube-controller-manager", f"--kubeconfig={self.kubeconfig}", "--leader-elect=false",
                  f"--service-account-private-key-file={key}")
        self._run("kube-scheduler", f"--kubeconfig={self.kubeconfig}", "--leader-elect=false")
        self._start_node()

    def stop(self):
        for service in reversed(self.services):
            service.kill()

    def _write_credentials(self):
        subprocess.run(["openssl", "genrsa", "-out", self.directory / "accounts.key", "2048"], check=True, capture_output=True)
        (self.directory / "tokens.csv").write_text(f'{TOKEN},admin,1,"system:masters"\n')
        self.kubeconfig.write_text(json.dumps({
            "apiVersion": "v1", "kind": "Config", "current-context": "test",
            "clusters": [{"name": "test", "cluster": {"server": "https://127.0.0.1:6443", "insecure-skip-tls-verify": True}}],
            "users": [{"name": "admin", "user": {"token": TOKEN}}],
            "contexts": [{"name": "test", "context": {"cluster": "test", "user": "admin"}}]}))

    def _run(self, program: str, *arguments):
        # Beside what is tested they are to be in nobody's way.
        self._serve(program, ["nice", "-n", "2", PROGRAM, program, *arguments])

    def _serve(self, name: str, command: list):
        service = Service(command, self.directory / f"{name}.log", self._path)
        service.start()
        self.services.append(service)

    @staticmethod
    def _answers() -> bool:
        import ssl

        trusting = ssl._create_unverified_context()  # the certificate is the server's own
        asked = urllib.request.Request("https://127.0.0.1:6443/readyz", headers={"Authorization": f"Bearer {TOKEN}"})
        try:
            with urllib.request.urlopen(asked, timeout=5, context=trusting) as reply:
                return reply.read() == b"ok"
        except (OSError, urllib.error.HTTPError):
            return False

    def _start_node(self):
        (self.directory / "containerd.toml").write_text(CONTAINERD)
        Path("/run/cni").mkdir()
        Path("/run/cni/10-pods.conflist").write_text(json.dumps(NETWORK))
        (KUBELET / "seccomp").mkdir(parents=True, exist_ok=True)
        (self.directory / "resolv.conf").write_text("nameserver 127.0.0.1\n")  # nobody asks: addresses are numbers here
        (self.directory / "kubelet.yaml").write_text(json.dumps(
            {**KUBELET_CONFIGURATION, "resolvConf": str(self.directory / "resolv.conf")}))
        self._serve("containerd", [DEBIAN / "usr/bin/containerd", "--config", self.directory / "containerd.toml"])
        wait_until(lambda: self.ctr("version", check=False).returncode == 0, 60, "containerd answers")
        self._run("kubelet", f"--config={self.directory / 'kubelet.yaml'}", f"--kubeconfig={self.kubeconfig}",
                  f"--hostname-override={NODE}", f"--node-ip={ADDRESS}", f"--cert-dir={self.directory / 'kubelet-certificates'}")
        wait_until(self._node_is_ready, 120, "the node is ready", 0.5)

    def _node_is_ready(self) -> bool:
        for service in self.services:
            assert service.running, f"{service.log.name} ends with:\n{service.output()[-3000:]}"
        return "True" in self.kubectl(
            "get", "node", NODE, "-o", "jsonpath={.status.conditions[?(@.type=='Ready')].status}", check=False).stdout

    # Use

    def kubectl(self, *words, check: bool = True, input: str | None = None, timeout_s: float = 240) -> subprocess.CompletedProcess:
        done = subprocess.run([PROGRAM, "kubectl", f"--kubeconfig={self.kubeconfig}", f"--cache-dir={self.directory / 'cache'}",
                               *map(str, words)], capture_output=True, text=True, errors="replace", input=input, timeout=timeout_s)
        assert not check or done.returncode == 0, f"kubectl {' '.join(map(str, words))}:\n{done.stdout}{done.stderr}"
        return done

    def get(self, *words) -> dict:
        return json.loads(self.kubectl("get", *words, "-o", "json").stdout)

    def ctr(self, *words, check: bool = True) -> subprocess.CompletedProcess:
        done = subprocess.run([DEBIAN / "usr/bin/ctr", "--address", SOCKET, "--namespace", "k8s.io", *map(str, words)],
                              capture_output=True, text=True)
        assert not check or done.returncode == 0, f"ctr {' '.join(map(str, words))}:\n{done.stdout}{done.stderr}"
        return done

    def load(self, archive: Path):
        self.ctr("images", "import", archive)

    def name_image(self, name: str, other: str):
        self.ctr("images", "tag", name, other)
