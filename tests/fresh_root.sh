#!/usr/bin/env bash
# Tries the README's two commands as a new user would: in a Debian with nothing but a clone of this checkout.
#
#   tests/fresh_root.sh SUITE [--mirror URL] [--dir DIR] [--again] [-- COMMAND...]
#
# SUITE: bookworm or trixie. As root, with debootstrap; what is not committed is not tried. The minimal system is made
# once, under DIR (default /var/tmp/penstock-roots), and copied for each run; --again goes on in the copy of the last run,
# to see that nothing is installed twice. The mirror is this machine's own unless given. COMMAND runs in the clone; the
# default is `./dev demo --seconds 10 && ./dev test`.
set -euo pipefail

die() { printf '%s\n' "$*" >&2; exit 1; }

source_dir=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
suite=${1:?which suite: bookworm or trixie}
shift
mirror='' dir=/var/tmp/penstock-roots again=no
command=(sh -c './dev demo --seconds 10 && ./dev test')
while [ "$#" -gt 0 ]; do
  case $1 in
    --mirror) mirror=$2; shift ;;
    --dir) dir=$2; shift ;;
    --again) again=yes ;;
    --) shift; command=("$@"); break ;;
    *) die "unknown argument '$1'" ;;
  esac
  shift
done
[ "$(id -u)" -eq 0 ] || die "debootstrap and chroot need root"
command -v debootstrap >/dev/null || die "apt-get install debootstrap"

base=$dir/$suite root=$dir/$suite.run

if [ ! -e "$base/etc/debian_version" ] || [ -d "$base/debootstrap" ]; then
  [ -n "$mirror" ] ||
    mirror=$(apt-get indextargets --format '$(REPO_URI)' 'Created-By: Packages' 2>/dev/null | grep -v security | head -n 1)
  [ -n "$mirror" ] || die "no mirror in this machine's apt sources; give --mirror"
  rm -rf "$base"
  mkdir -p "$dir"
  debootstrap --variant=minbase "$suite" "$base" "$mirror"
fi

if [ "$again" = no ]; then
  rm -rf "$root"
  cp -a "$base" "$root"
  # How this machine reaches its mirror, and whom it trusts, is the machine's own affair and comes along.
  cp -L /etc/resolv.conf "$root/etc/resolv.conf"
  grep -ls '^Acquire' /etc/apt/apt.conf.d/* | xargs -r cp -t "$root/etc/apt/apt.conf.d" || true
  mkdir -p "$root/usr/local/share/ca-certificates"
  cp /usr/local/share/ca-certificates/*.crt "$root/usr/local/share/ca-certificates/" 2>/dev/null || true
  git clone -q --no-hardlinks "$source_dir" "$root/penstock"
fi

# Namespaces of its own: its mounts and its processes end with it.
exec unshare --mount --pid --fork --kill-child --propagation private bash -c '
  root=$1
  shift
  mount -t proc proc "$root/proc"
  mount -t sysfs sysfs "$root/sys"
  mount --rbind /dev "$root/dev"
  cd "$root"
  exec chroot "$root" /usr/bin/env -i HOME=/root TERM="${TERM:-dumb}" LANG=C.UTF-8 \
    PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin \
    sh -c "cd /penstock && exec \"\$@\"" sh "$@"
' bash "$root" "${command[@]}"
