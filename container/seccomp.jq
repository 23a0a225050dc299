# Makes container/seccomp.json out of the default profile that Podman and Docker share, and adds io_uring to it:
#
#   jq -f container/seccomp.jq /usr/share/containers/seccomp.json > container/seccomp.json
#
# That profile has rules under conditions (`includes`, `excludes`). Podman and Docker read them. containerd knows none, and would
# take each rule without its condition: a plain copy would allow bpf. So they are decided here, for a process without
# capabilities on amd64 or arm64. What makes containers, traces or keeps keys of the kernel is taken out: penstock does none.
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
