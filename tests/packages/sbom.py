"""Holds a software bill of materials against the schema of its own version of CycloneDX, and every package URL in it against the
package it stands beside. Says `N packages`, or what is wrong.

    sbom.py FILE
"""

import json
import sys

from cyclonedx.schema import SchemaVersion
from cyclonedx.validation.json import JsonStrictValidator
from packageurl import PackageURL


def main(path):
    with open(path, encoding="utf-8") as file:
        text = file.read()
    bill = json.loads(text)
    wrong = JsonStrictValidator(SchemaVersion.from_version(bill["specVersion"])).validate_str(text)
    if wrong is not None:
        sys.exit(f"{path}: {wrong}")
    own = bill["metadata"]["component"]
    packages = [own, *bill["components"]]
    for package in packages:
        url = PackageURL.from_string(package["purl"])
        kind = "generic" if "cpe" in package else "cargo"
        if (url.type, url.name, url.version) != (kind, package["name"], package["version"]):
            sys.exit(f"{path}: {package['purl']} beside {package['name']} {package['version']}")
    if own["name"] != "cgwd":
        sys.exit(f"{path}: it is the bill of {own['name']}")
    references = {package["bom-ref"] for package in packages}
    for edge in bill["dependencies"]:
        unknown = {edge["ref"], *edge.get("dependsOn", [])} - references
        if unknown:
            sys.exit(f"{path}: dependencies of packages that are not in it: {unknown}")
    unused = references - {own["bom-ref"]} - {used for edge in bill["dependencies"] for used in edge.get("dependsOn", [])}
    if unused:
        sys.exit(f"{path}: packages that nothing depends on: {unused}")
    print(f"{len(packages)} packages")


main(sys.argv[1])
