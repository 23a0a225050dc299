#!/usr/bin/env bash
# collect.sh BUILD ROOT: the root file system of the image, in the stage that has compiled: the binary, the Debian packages
# of the libraries that it is linked with, certificate authorities, one user, and the list of all this (SPDX).
#
# The packages are unpacked and not installed: what installs them would need a shell. So whatever their scripts would do and
# penstock needs is done here by hand: links of the root, certificates, users.
set -euo pipefail
readonly build=$1 root=$2 arch=$(dpkg --print-architecture)
readonly doc=$root/usr/share/doc/penstock

# The packages of files, by their names or patterns.
packages_of() {
  xargs -r dpkg-query -S | sed '/^diversion by/d; s/: .*//; s/:[^, ]*//g' | tr -s ', ' '\n' | sort -u
}

# name=version, as they are installed in this stage.
of_this_version() { xargs dpkg-query -W -f '${Package}=${Version}\n'; }

# Those whose headers went into the binary.
compiled_in() { ninja -C "$build" -t deps | sed -n 's/^ *\(\/usr\/[^ ]*\)$/\1/p' | sort -u | packages_of; }

install -s -D -m 0755 "$build/penstock" "$root/usr/bin/penstock"
ldd "$root/usr/bin/penstock" > libraries
if grep 'not found' libraries; then exit 1; fi
# /lib and /usr/lib are one directory, and dpkg knows some files by the one name and some by the other. The star is for both.
{ awk '$2 == "=>" {sub("^/usr", "", $3); print "*" $3}' libraries | packages_of
  printf '%s\n' base-files ca-certificates; } | sort -u > packages

# One /usr: dpkg makes these links when it installs the first package.
for directory in bin lib lib64 sbin; do
  mkdir -p "$root/usr/$directory"
  ln -s "usr/$directory" "$root/$directory"
done
mkdir -p archives "$root/var/lib/dpkg/status.d"
(cd archives && of_this_version < ../packages | xargs apt-get -qq -o APT::Sandbox::User=root download)
while read -r package; do
  dpkg-deb --fsys-tarfile archives/"$package"_*.deb | tar -C "$root" -x --keep-directory-symlink
  # Scanners look here for what an image without a package manager has.
  dpkg-query -s "$package" > "$root/var/lib/dpkg/status.d/$package"
  cp "$(dpkg-query --control-path "$package" md5sums)" "$root/var/lib/dpkg/status.d/$package.md5sums"
done < packages

# Of the pages only the licenses stay. A script has no shell to run it.
find "$root/usr/share/doc" -type f ! -name copyright -delete
rm -rf "$root"/usr/share/{man,locale,lintian,info,bug,doc-base,gdb}
find "$root" -type f -perm /111 -exec sh -c 'head -c 2 "$1" | grep -q "^#!"' sh {} \; -delete
find "$root/usr/share" "$root/etc" -mindepth 1 -type d -empty -delete

mkdir -p "$root/etc/ssl" "$root/usr/lib/ssl"
cp -a /etc/ssl/certs /etc/ssl/openssl.cnf "$root/etc/ssl/"
cp -a /usr/lib/ssl/{cert.pem,certs,openssl.cnf} "$root/usr/lib/ssl/"  # links to these, where OpenSSL looks
printf 'hosts: files dns\n' > "$root/etc/nsswitch.conf"
printf '%s\n' 'root:x:0:0::/:/usr/sbin/nologin' 'penstock:x:65532:65532::/var/lib/penstock:/usr/sbin/nologin' > "$root/etc/passwd"
printf '%s\n' 'root:x:0:' 'penstock:x:65532:' > "$root/etc/group"
install -d -m 0755 "$root/etc/penstock"
install -d -m 0700 -o 65532 -g 65532 "$root/var/lib/penstock"  # the stage, the only place that it writes to

# The list. One line a package: role, name, version, architecture, source, its version, home page, checksum of the archive.
describe() {
  local format='${Package}\t${Version}\t${Architecture}\t${source:Package}\t${source:Version}\t${Homepage}\n'
  cat > described
  of_this_version < described | xargs apt-cache show | awk '/^Package: / {name = $2} /^SHA256: / {print name "\t" $2}' > sums
  xargs dpkg-query -W -f "$format" < described |
    awk -F '\t' -v OFS='\t' -v role="$1" 'NR == FNR {sum[$1] = $2; next} {print role, $0, sum[$1]}' sums -
}
install -D -m 0644 LICENSE "$doc/copyright"
{
  describe contained < packages
  compiled_in | describe compiled-in
  printf '%s\n' g++ binutils cmake ninja-build | describe tool
} > list.tsv
jq -nR --arg version "$VERSION" --arg commit "$COMMIT" --arg snapshot "$SNAPSHOT" --arg arch "$arch" \
  --arg debian "$(. /etc/os-release && echo "$VERSION_ID")" --arg sum "$(sha256sum < "$root/usr/bin/penstock" | cut -d' ' -f1)" \
  --arg now "$(date -u +%Y-%m-%dT%H:%M:%SZ)" -f container/sbom.jq < list.tsv > "$doc/sbom.spdx.json"
echo "$(wc -l < packages) packages, $(du -sm "$root" | cut -f1) MB"
