# The lines of collect.sh as an SPDX 2.3 document: the image, the program in it, the Debian packages that the image has, and
# those that went into the program by their headers or made it.

def id($role; $name): "SPDXRef-" + $role + "-" + ($name | gsub("[^A-Za-z0-9.-]"; "-"));

def package:
  {
    SPDXID: id(.role; .name), name, versionInfo: .version, downloadLocation: "NOASSERTION", filesAnalyzed: false,
    licenseConcluded: "NOASSERTION", licenseDeclared: "NOASSERTION", copyrightText: "NOASSERTION",
    supplier: "Organization: Debian",
    sourceInfo: "built from \(.source) \(.source_version) of Debian",
    checksums: [{algorithm: "SHA256", checksumValue: .sum}],
    externalRefs: [{referenceCategory: "PACKAGE-MANAGER", referenceType: "purl",
                    referenceLocator: "pkg:deb/debian/\(.name | @uri)@\(.version | @uri)?arch=\(.arch)&distro=debian-\($debian)"}]
  }
  + if .homepage == "" then {} else {homepage} end;

def related($from; $how; $to): {spdxElementId: $from, relationshipType: $how, relatedSpdxElement: $to};

def ours($id; $name; $purpose):
  {
    SPDXID: $id, name: $name, versionInfo: "\($version)-\($commit)", downloadLocation: "NOASSERTION", filesAnalyzed: false,
    licenseConcluded: "Apache-2.0", licenseDeclared: "Apache-2.0", copyrightText: "NOASSERTION",
    primaryPackagePurpose: $purpose
  };

[inputs | split("\t")
 | {role: .[0], name: .[1], version: .[2], arch: .[3], source: .[4], source_version: .[5], homepage: .[6], sum: .[7]}]
| unique_by(.role, .name) as $all
| {
    spdxVersion: "SPDX-2.3", dataLicense: "CC0-1.0", SPDXID: "SPDXRef-DOCUMENT",
    name: "penstock-\($version)-\($commit)-\($arch)",
    documentNamespace: "urn:penstock:sbom:\($version):\($commit):\($sum)",
    creationInfo: {created: $now, creators: ["Tool: penstock-container/collect.sh"],
                   comment: "Debian \($debian), packages of \($snapshot)"},
    packages: (
      [ours("SPDXRef-image"; "penstock-image"; "CONTAINER"),
       ours("SPDXRef-penstock"; "penstock"; "APPLICATION") + {checksums: [{algorithm: "SHA256", checksumValue: $sum}]}]
      + [$all[] | package]),
    relationships: (
      [related("SPDXRef-DOCUMENT"; "DESCRIBES"; "SPDXRef-image"),
       related("SPDXRef-image"; "CONTAINS"; "SPDXRef-penstock")]
      + [$all[] | if .role == "contained" then related("SPDXRef-image"; "CONTAINS"; id(.role; .name))
                  elif .role == "tool" then related(id(.role; .name); "BUILD_TOOL_OF"; "SPDXRef-penstock")
                  else related(id(.role; .name); "BUILD_DEPENDENCY_OF"; "SPDXRef-penstock") end])
  }
