#!/usr/bin/env python3
"""Prints the names, versions, licences and licence texts of everything that is linked into cgwd for a target.

    packaging/notices.py TARGET MUSL_COPYRIGHT

Every licence that deny.toml allows asks for no more than that its notice comes along. Texts that are equal are printed once.
"""

import json
import pathlib
import subprocess
import sys

TEXTS = ("LICENSE", "LICENCE", "COPYING", "COPYRIGHT", "NOTICE", "UNLICENSE")


def main(target: str, musl: str) -> None:
    texts: dict[str, list[str]] = {}
    bare: list[str] = []
    for package in linked_packages(target):
        title = f"{package['name']} {package['version']} ({package['license']})"
        found = licence_texts(pathlib.Path(package["manifest_path"]).parent)
        for text in found:
            texts.setdefault(text, []).append(title)
        if not found:
            bare.append(title)
    texts.setdefault(normalised(pathlib.Path(musl)), []).append("musl libc (MIT)")

    print("cgwd contains the following libraries of others.\n")
    print("SQLite, inside libsqlite3-sys, is in the public domain.")
    print("The Rust standard library is under the MIT licence or Apache-2.0: https://github.com/rust-lang/rust\n")
    for title in bare:
        print(f"{title}\n    its package holds no licence text; the licence named here applies")
    for text, titles in texts.items():
        print("\n" + "=" * 78)
        print("\n".join(titles))
        print("-" * 78)
        print(text, end="")


def linked_packages(target: str) -> list[dict]:
    """Normal dependencies of cgwd and theirs; not what runs while it is built."""
    command = ["cargo", "metadata", "--locked", "--format-version=1", f"--filter-platform={target}"]
    metadata = json.loads(subprocess.run(command, check=True, stdout=subprocess.PIPE).stdout)
    packages = {package["id"]: package for package in metadata["packages"]}
    nodes = {node["id"]: node for node in metadata["resolve"]["nodes"]}
    root = metadata["resolve"]["root"]
    seen, waiting = {root}, [root]
    while waiting:
        for dependency in nodes[waiting.pop()]["deps"]:
            linked = any(kind["kind"] is None for kind in dependency["dep_kinds"])
            runs_in_compiler = any("proc-macro" in part["kind"] for part in packages[dependency["pkg"]]["targets"])
            if linked and not runs_in_compiler and dependency["pkg"] not in seen:
                seen.add(dependency["pkg"])
                waiting.append(dependency["pkg"])
    return sorted((packages[found] for found in seen - {root}), key=lambda package: (package["name"], package["version"]))


def licence_texts(folder: pathlib.Path) -> list[str]:
    files = (file for file in folder.iterdir() if file.is_file() and file.name.upper().startswith(TEXTS))
    return [normalised(file) for file in sorted(files)]


def normalised(file: pathlib.Path) -> str:
    lines = file.read_text(encoding="utf-8", errors="replace").splitlines()
    return "\n".join(line.rstrip() for line in lines).strip("\n") + "\n"


main(*sys.argv[1:])
