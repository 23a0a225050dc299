# Makes a profile for pods out of the one that Podman and Docker share, and adds io_uring to it:
#
#   jq -f for-pods.jq /usr/share/containers/seccomp.json > penstock.json
#
# Podman reads conditions (`includes`, `excludes`) in its profile. The kubelet's runtimes know none and would take what stands
# under a condition without it: a plain copy would allow mount and bpf. So they are decided here, for a process without
# capabilities on amd64 or arm64. What builds containers, traces or keeps keys of the kernel is taken out: penstock does none of it.
def holds: ((.includes.caps // []) == []) and
  ((.includes.arches // ["amd64"]) | any(. == "amd64" or . == "arm64")) and
  ((.excludes.arches // []) | all(. != "amd64" and . != "arm64"));
def unneeded: ["add_key", "fanotify_init", "fanotify_mark", "fsconfig", "fsmount", "fsopen", "fspick", "keyctl", "memfd_secret",
  "mount", "mount_setattr", "move_mount", "name_to_handle_at", "open_tree", "pidfd_getfd", "pivot_root", "process_vm_readv",
  "process_vm_writev", "ptrace", "request_key", "setns", "swapoff", "swapon", "syslog", "umount", "umount2", "unshare",
  "userfaultfd"];
{
  defaultAction, defaultErrnoRet,
  architectures: ["SCMP_ARCH_X86_64", "SCMP_ARCH_AARCH64"],
  syscalls: ([.syscalls[] | select(holds) | with_entries(select(.key | IN("names", "action", "errnoRet", "args")))
              | with_entries(select(.value != null and .value != []))
              | if .action == "SCMP_ACT_ALLOW" then .names -= unneeded else . end]
    + [{names: ["io_uring_setup", "io_uring_enter", "io_uring_register"], action: "SCMP_ACT_ALLOW"}])
}
