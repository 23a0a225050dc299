"""What is in the image, and what is not."""

import hashlib
import json
import os
import re
import subprocess
import tarfile
from pathlib import Path
from urllib.parse import unquote

import pytest
from contained import IO_URING, SECCOMP, USER, hardened, inspected, podman, told

from harness.paths import ROOT

SIZE_MAX = 80_000_000
SBOM = "usr/share/doc/penstock/sbom.spdx.json"
STATUS = "var/lib/dpkg/status.d/"
SHELLS_AND_COMPILERS = {"sh", "bash", "dash", "ash", "busybox", "perl", "python3", "gcc", "cc", "c++", "g++", "ld", "as", "make",
                        "apt", "apt-get", "dpkg", "curl", "wget"}
# What container/seccomp.json was made of: this file, in this version of Debian's package.
RUNTIMES_PROFILE = Path("/usr/share/containers/seccomp.json")
PROFILE_PACKAGE, PROFILE_VERSION = "golang-github-containers-common", "0.50.1+ds1-4"


@pytest.fixture(scope="module")
def tree(image, tmp_path_factory) -> tarfile.TarFile:
    """The whole root of a container that never ran."""
    archive = tmp_path_factory.mktemp("image") / "root.tar"
    container = told("create", image).strip()
    told("export", "-o", archive, container)
    told("rm", container)
    with tarfile.open(archive) as found:
        yield found


def text_in(tree: tarfile.TarFile, name: str) -> str:
    return tree.extractfile(name).read().decode()


def test_it_is_small(image):
    size = inspected("image", image)["Size"]
    print(f"{image}: {size / 1e6:.1f} MB")
    assert size < SIZE_MAX


def test_nothing_in_it_can_be_run_but_penstock(tree):
    """Libraries and the loader may have the bit; they lie in /usr/lib."""
    files = [member for member in tree.getmembers() if member.isfile() or member.issym() or member.islnk()]
    names = {Path(member.name).name for member in files}
    assert not names & SHELLS_AND_COMPILERS
    programs = {member.name for member in files if member.isfile() and member.mode & 0o111}
    assert {name for name in programs if not name.startswith("usr/lib/")} == {"usr/bin/penstock"}
    scripts = [name for name in programs if tree.extractfile(name).read(2) == b"#!"]
    assert not scripts


def test_there_is_no_shell_to_start(image):
    done = podman("run", "--rm", "--network=none", *hardened(), "--entrypoint=/bin/sh", image, "-c", "true")
    assert done.returncode == 127, done.stderr


def test_nobody_gains_rights_by_a_file_of_it(tree):
    for member in tree.getmembers():
        assert member.mode & 0o6000 == 0 or member.isdir(), f"{member.name} is set-id"
        assert member.mode & 0o002 == 0 or member.issym() or (member.isdir() and member.mode & 0o1000), f"all may write {member.name}"
        assert (member.uid, member.gid) == ((USER, USER) if member.name == "var/lib/penstock" else (0, member.gid)), member.name
    assert tree.getmember("var/lib/penstock").mode & 0o777 == 0o700


def test_it_says_what_it_is(image):
    config = inspected("image", image)
    labels = config["Labels"]
    version = re.search(r"^project\(penstock VERSION ([\d.]+)", (ROOT / "CMakeLists.txt").read_text(), re.M)[1]
    assert labels["org.opencontainers.image.version"] == version
    assert re.fullmatch(r"[0-9a-f]{7,40}", labels["org.opencontainers.image.revision"])
    assert labels["org.opencontainers.image.licenses"] == "Apache-2.0"
    assert labels["penstock.debian"] not in ("", "unknown")
    # The binary says the same.
    said = told("run", "--rm", "--network=none", *hardened(), image, "version")
    assert said.startswith(f"penstock {version} ({labels['org.opencontainers.image.revision']})"), said


def test_it_starts_as_nobody_in_particular_and_can_be_probed(image):
    config = inspected("image", image)
    assert config["Config"]["User"] == f"{USER}:{USER}"
    assert config["Config"]["Entrypoint"] == ["/usr/bin/penstock"]
    assert config["Healthcheck"]["Test"] == ["CMD", "/usr/bin/penstock", "health"]
    assert list(config["Config"]["Volumes"]) == ["/var/lib/penstock"]
    assert config["Config"]["StopSignal"] in ("SIGTERM", "15")


def test_it_trusts_the_authorities_that_debian_trusts(tree):
    bundle = text_in(tree, "etc/ssl/certs/ca-certificates.crt")
    assert bundle.count("BEGIN CERTIFICATE") > 100
    hashed = [member for member in tree.getmembers() if re.fullmatch(r"etc/ssl/certs/[0-9a-f]{8}\.\d", member.name)]
    assert len(hashed) > 100


# The list of what is in it

@pytest.fixture(scope="module")
def sbom(tree) -> dict:
    return json.loads(text_in(tree, SBOM))


def related(sbom: dict, how: str) -> set[str]:
    names = {package["SPDXID"]: package["name"] for package in sbom["packages"]}
    return {names[each["relatedSpdxElement"] if how in ("CONTAINS", "DESCRIBES") else each["spdxElementId"]]
            for each in sbom["relationships"] if each["relationshipType"] == how}


def test_the_list_has_every_package_of_the_image(tree, sbom):
    """What the packages say of themselves, and what scanners read, is the witness."""
    stanzas = [text_in(tree, member.name) for member in tree.getmembers()
               if member.isfile() and member.name.startswith(STATUS) and not member.name.endswith(".md5sums")]
    installed = {re.search(r"^Package: (.+)$", each, re.M)[1]: re.search(r"^Version: (.+)$", each, re.M)[1] for each in stanzas}
    listed = {each["name"]: each["versionInfo"] for each in sbom["packages"]}
    assert related(sbom, "CONTAINS") == {"penstock", *installed}
    assert {name: listed[name] for name in installed} == installed
    assert {"libc6", "libstdc++6", "librdkafka1", "ca-certificates"} <= set(installed)
    without = [name for name in installed if f"usr/share/doc/{name}/copyright" not in tree.getnames()
               and not any(member.name == f"usr/share/doc/{name}" and member.issym() for member in tree.getmembers())]
    assert not without, f"no license of {without}"


def test_every_file_of_the_libraries_is_one_of_a_package_on_the_list(tree, sbom):
    """Byte for byte, by the sums that Debian's packages bring."""
    listed = related(sbom, "CONTAINS")
    sums = {}
    for member in tree.getmembers():
        if member.name.startswith(STATUS) and member.name.endswith(".md5sums"):
            assert Path(member.name).name.removesuffix(".md5sums") in listed
            sums |= {path: md5 for md5, path in (line.split(maxsplit=1) for line in text_in(tree, member.name).splitlines())}
    files = [member for member in tree.getmembers() if member.isfile() and member.name.startswith("usr/lib/")]
    assert {"libcurl", "librdkafka", "liburing"} <= {Path(member.name).name.split(".")[0] for member in files}
    foreign = [member.name for member in files
               if hashlib.md5(tree.extractfile(member).read()).hexdigest() != sums.get(member.name)]
    assert not foreign


def test_the_list_is_a_sound_document(sbom):
    assert (sbom["spdxVersion"], sbom["SPDXID"], sbom["dataLicense"]) == ("SPDX-2.3", "SPDXRef-DOCUMENT", "CC0-1.0")
    ids = [package["SPDXID"] for package in sbom["packages"]]
    assert len(ids) == len(set(ids))
    assert all(re.fullmatch(r"SPDXRef-[A-Za-z0-9.-]+", each) for each in ids)
    for each in sbom["relationships"]:
        assert {each["spdxElementId"], each["relatedSpdxElement"]} <= {"SPDXRef-DOCUMENT", *ids}
    for package in sbom["packages"]:
        assert package["versionInfo"]
        for reference in package.get("externalRefs", []):
            name, version = re.fullmatch(r"pkg:deb/debian/([^@]+)@([^?]+)\?arch=\w+&distro=debian-\d+",
                                         reference["referenceLocator"]).groups()
            assert (unquote(name), unquote(version)) == (package["name"], package["versionInfo"])
        assert all(re.fullmatch(r"[0-9a-f]{64}", each["checksumValue"]) for each in package.get("checksums", []))


def test_the_list_has_what_the_program_was_made_of(sbom):
    assert {"g++", "cmake"} <= related(sbom, "BUILD_TOOL_OF")
    assert {"libcli11-dev", "libspdlog-dev", "libyaml-cpp-dev"} <= related(sbom, "BUILD_DEPENDENCY_OF")


def test_the_list_lies_beside_the_image_too(image, sbom):
    labels = inspected("image", image)["Labels"]
    beside = ROOT / "build" / "image" / (f"penstock-{labels['org.opencontainers.image.version']}-"
                                         f"{labels['org.opencontainers.image.revision']}.spdx.json")
    if "PENSTOCK_IMAGE" in os.environ and not beside.exists():
        pytest.fail(f"no {beside}", pytrace=False)
    assert json.loads(beside.read_text()) == sbom


# The seccomp profile

def test_the_profile_is_the_runtime_s_own_and_io_uring():
    found = subprocess.run(["dpkg-query", "-W", "-f", "${Version}", PROFILE_PACKAGE], capture_output=True, text=True).stdout
    if found != PROFILE_VERSION:
        pytest.skip(f"{PROFILE_PACKAGE} is {found or 'not here'}, and the profile was made of {PROFILE_VERSION}")
    made = subprocess.run(["jq", "-f", ROOT / "container" / "seccomp.jq", RUNTIMES_PROFILE], capture_output=True, text=True,
                          check=True).stdout
    assert made == SECCOMP.read_text(), "jq -f container/seccomp.jq /usr/share/containers/seccomp.json > container/seccomp.json"


def test_the_profile_allows_nothing_that_penstock_does_not_need():
    """Conditions are decided. What only some capability allows is refused, and what makes containers or traces."""
    profile = json.loads(SECCOMP.read_text())
    allowed = {name for rule in profile["syscalls"] if rule["action"] == "SCMP_ACT_ALLOW" for name in rule["names"]}
    assert profile["defaultAction"] == "SCMP_ACT_ERRNO"
    assert IO_URING <= allowed
    assert not allowed & {"bpf", "setns", "init_module", "kexec_load", "open_by_handle_at", "acct", "swapon", "mount", "ptrace", "unshare"}
    assert not any({"includes", "excludes"} & set(rule) for rule in profile["syscalls"])
