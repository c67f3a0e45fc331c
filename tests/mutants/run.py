#!/usr/bin/env python3
"""Takes safety rules out of the program, one or two at a time, and shows that the searches through faults notice.

Each mutant is a change of the source (mutants.toml) in a copy of the tree. The copy is built and searched until the first schedule that
breaks an invariant. The table says which one that was; a mutant that nothing notices is a failure.

    tests/mutants/run.py             all of them
    tests/mutants/run.py NAME...     these
"""

import os
import pathlib
import re
import shutil
import subprocess
import sys
import time
import tomllib

ROOT = pathlib.Path(__file__).resolve().parents[2]
# A target directory of its own: cargo tells the copy and the tree apart by nothing else.
COPY, BUILD = ROOT / "target" / "mutants" / "tree", ROOT / "target" / "mutants" / "build"
CARGO = ["cargo", "test", "--locked", "--profile", "search"]
SCHEDULES = 8000
LONGEST = 900


def main():
    everything = tomllib.loads((ROOT / "tests/mutants/mutants.toml").read_text())["mutant"]
    unknown = set(sys.argv[1:]) - {mutant["name"] for mutant in everything}
    if unknown:
        sys.exit(f"no mutant is called {', '.join(unknown)}")
    wanted = [mutant for mutant in everything if not sys.argv[1:] or mutant["name"] in sys.argv[1:]]
    rows = []
    for mutant in wanted:
        rows.append((mutant["name"], mutant["rule"], caught(mutant) or "NOBODY NOTICED"))
        print(" | ".join(rows[-1]), flush=True)
    print_table(rows)
    live = [name for name, _, by in rows if by == "NOBODY NOTICED"]
    if live:
        sys.exit(f"{len(live)} of {len(wanted)} mutants live: {', '.join(live)}")
    print(f"{len(wanted)} mutants, each caught")


def caught(mutant):
    """The schedule and the invariant that noticed; None where nothing did."""
    mirror()
    for change in mutant["change"]:
        path = COPY / change["file"]
        text = path.read_text()
        if text.count(change["from"]) != 1:
            sys.exit(f"{mutant['name']}: {change['file']} has {text.count(change['from'])} times: {change['from']}")
        path.write_text(text.replace(change["from"], change["to"]))
    built = cargo(mutant, "--no-run")
    if built.returncode != 0:
        sys.exit(f"{mutant['name']} does not compile:\n{built.stderr[-4000:]}")
    searched = cargo(mutant, mutant["only"], "--", "--nocapture")
    return None if searched.returncode == 0 else reason(searched.stdout + searched.stderr)


def reason(output):
    """What the searches print, each in its own way."""
    for form in (
        r"^1 x (?P<why>.*)\n\s*CGWD_REPLAY='(?P<line>[^']*)'",
        r"^(?P<why>.*)\n.*CGWD_SCHEDULE='(?P<line>[^']+)'",
        r"^(?P<line>.*)(?P<why>fails without any fault.*)",
        r"^(?P<line>)(?P<why>.*without any fault.*)",
    ):
        if found := re.search(form, output, re.MULTILINE):
            return f"{found['line']}: {found['why'].strip()}"
    sys.exit(f"the search fails otherwise:\n{output[-4000:]}")


def cargo(mutant, *arguments):
    environment = {"CARGO_TARGET_DIR": str(BUILD), "RUST_BACKTRACE": "0", "CGWD_SEARCH_SCHEDULES": str(SCHEDULES), "CGWD_STOP_AT_FIRST": "1"}
    command = [*CARGO, "--test", mutant["test"], *arguments]
    try:
        return subprocess.run(command, cwd=COPY, env={**os.environ, **environment}, capture_output=True, text=True, timeout=LONGEST)
    except subprocess.TimeoutExpired:
        sys.exit(f"{' '.join(command)} takes longer than {LONGEST} s")


def mirror():
    """The tree as it is. What has not changed is left alone: cargo goes by the time of the last change."""
    listed = subprocess.run(["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"], cwd=ROOT, capture_output=True, check=True)
    for name in filter(None, listed.stdout.decode().split("\0")):
        source, copy = ROOT / name, COPY / name
        if source.is_file() and not (copy.is_file() and source.read_bytes() == copy.read_bytes()):
            copy.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(source, copy)


def print_table(rows):
    widths = [max(len(row[column]) for row in rows) for column in range(2)]
    print()
    for name, rule, by in [("mutant", "rule", "caught by"), *rows]:
        print(name.ljust(widths[0]), rule.ljust(widths[1]), by[:160], sep="  ")


main()
