#!/usr/bin/env python3
"""Prints the bill of materials of a program: the crates in its own list (cargo-auditable, read by auditable2cdx), and what comes with no
crate of its own: SQLite, Rust's standard library and, in a static program, Rust's musl. CycloneDX, JSON.

    packaging/sbom.py TARGET PROGRAM
"""

import json
import pathlib
import re
import subprocess
import sys


def main(target: str, program: str) -> None:
    bill = json.loads(output("auditable2cdx", program))
    own = bill["metadata"]["component"]
    # auditable2cdx 0.1 gives cgwd itself, which comes from no registry, a package URL that is none (a qualifier begins with `?`, and
    # this one says nothing).
    own["purl"] = own["purl"].removesuffix("&download_url=redacted")

    binding = next(component for component in bill["components"] if component["name"] == "libsqlite3-sys")
    sqlite = add(bill, binding, "sqlite", sqlite_version(), "blessing", "sqlite:sqlite")
    rust = add(bill, own, "rust-std", rust_version(), "MIT OR Apache-2.0", "rust-lang:rust")
    if target.endswith("-musl"):
        musl = add(bill, rust, "musl", musl_version(target), "MIT", "musl-libc:musl")
        depend(bill, sqlite, musl)
    print(json.dumps(bill, indent=4))


def add(bill: dict, user: dict, name: str, version: str, licence: str, cpe: str) -> dict:
    """With its name in the databases of vulnerabilities (CPE): for a library that no registry has, the package URL is not enough."""
    purl = f"pkg:generic/{name}@{version}"
    licences = [{"expression": licence}] if " " in licence else [{"license": {"id": licence}}]
    component = {"type": "library", "bom-ref": purl, "name": name, "version": version, "licenses": licences}
    component |= {"cpe": f"cpe:2.3:a:{cpe}:{version}:*:*:*:*:*:*:*", "purl": purl}
    bill["components"].append(component)
    bill["dependencies"].append({"ref": purl})
    depend(bill, user, component)
    return component


def depend(bill: dict, user: dict, used: dict) -> None:
    edge = next(edge for edge in bill["dependencies"] if edge["ref"] == user["bom-ref"])
    edge.setdefault("dependsOn", []).append(used["bom-ref"])


def sqlite_version() -> str:
    """Of the source that the crate brings and compiles."""
    packages = json.loads(output("cargo", "metadata", "--locked", "--format-version=1"))["packages"]
    manifest = next(package["manifest_path"] for package in packages if package["name"] == "libsqlite3-sys")
    header = (pathlib.Path(manifest).parent / "sqlite3/sqlite3.h").read_text(encoding="utf-8")
    return found(r'^#define SQLITE_VERSION +"([0-9.]+)"$', header)


def rust_version() -> str:
    return found(r"^release: (\S+)$", output("rustc", "--version", "--verbose"))


def musl_version(target: str) -> str:
    """Of the library that comes with Rust, which has it in an object of its own."""
    library = output("rustc", "--print", "target-libdir", "--target", target).strip() + "/self-contained/libc.a"
    version = subprocess.run(["ar", "p", library, "version.lo"], check=True, stdout=subprocess.PIPE).stdout
    return found(r"(?:^|\0)([0-9]+\.[0-9]+\.[0-9]+)\0", version.decode("latin-1"))


def found(pattern: str, text: str) -> str:
    match = re.search(pattern, text, re.MULTILINE)
    return match[1] if match else sys.exit(f"packaging/sbom.py: no version ({pattern})")


def output(*command: str) -> str:
    return subprocess.run(command, check=True, stdout=subprocess.PIPE, encoding="utf-8").stdout


main(*sys.argv[1:])
