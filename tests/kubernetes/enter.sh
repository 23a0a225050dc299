#!/bin/sh
# Runs a command on a machine of its own, as far as a cluster of one node needs one, and leaves nothing of it:
#
#   tests/kubernetes/enter.sh DIRECTORY COMMAND...
#
# The command has network, mounts and processes of its own (namespaces of the kernel). So the bridge, the addresses, the mounts
# and every process that the cluster starts are gone when the command ends, and nothing of the cluster can be reached from
# outside. Of /var/lib, /var/log and /run the command sees empty ones, the first two in DIRECTORY. The kubelet wants some
# sysctls that no namespace has for itself. It finds them as it wants them, in files that are mounted over them, so that it
# changes none. What has no end of its own is the control group. It is removed here.
set -eu

readonly address=10.244.8.1/24

if [ "${PENSTOCK_TEST_NODE:-}" != inside ]; then
  [ "$(id -u)" -eq 0 ] || { echo "enter.sh: only root may make a machine of its own" >&2; exit 2; }
  mkdir -p "$1"
  group=penstock-kubernetes-$$
  # A group for each controller, as control groups v1 have it.
  for controller in /sys/fs/cgroup/*/; do
    [ -e "$controller/cgroup.procs" ] || continue
    mkdir -p "$controller/$group"
    for of_cpuset in cpus mems; do
      [ ! -e "$controller/$group/cpuset.$of_cpuset" ] ||
        cat "$controller/cpuset.$of_cpuset" >"$controller/$group/cpuset.$of_cpuset"
    done
  done
  rc=0
  PENSTOCK_TEST_NODE=inside PENSTOCK_TEST_CGROUP=/$group \
    unshare --net --mount --pid --ipc --uts --fork --kill-child --mount-proc "$0" "$@" || rc=$?
  # The last processes end a moment after the first one.
  for attempt in 1 2 3 4 5 6 7 8 9 10; do
    find /sys/fs/cgroup/*/"$group" -depth -type d -exec rmdir {} + 2>/dev/null || true
    set -- /sys/fs/cgroup/*/"$group"
    [ -d "$1" ] || exit "$rc"
    sleep 0.5
  done
  echo "enter.sh: control groups are left: $*" >&2
  exit 1
fi

directory=$1
shift
ip link set lo up
ip link add pods0 type bridge
ip address add "$address" dev pods0
ip link set pods0 up
echo 1 >/proc/sys/net/ipv4/ip_forward

mkdir -p "$directory/var-lib" "$directory/var-log" "$directory/sysctl"
mount --bind "$directory/var-lib" /var/lib
mount --bind "$directory/var-log" /var/log
mount -t tmpfs tmpfs /run
for wanted in vm/overcommit_memory=1 vm/panic_on_oom=0 kernel/panic=10 kernel/panic_on_oops=1 \
  kernel/keys/root_maxkeys=1000000 kernel/keys/root_maxbytes=25000000; do
  file=$directory/sysctl/$(basename "${wanted%=*}")
  echo "${wanted#*=}" >"$file"
  mount --bind "$file" "/proc/sys/${wanted%=*}"
done
# Not exec: this shell is the first process here, and takes what other processes leave.
"$@"
