#!/usr/bin/env bash
# Licences, bans and sources of the dependencies as deny.toml wants them; and known vulnerabilities, where the database of
# advisories can be had. Installs cargo-deny first, under target/.
set -euo pipefail
cd "$(dirname "$(readlink -f "$0")")/.."
. tests/prepare.sh
. packaging/tools.sh

find_cargo
install_cargo_tool cargo-deny@0.20.2
cargo deny --locked check --hide-inclusion-graph bans licenses sources
if said=$(cargo deny --locked fetch db 2>&1); then
  cargo deny --locked check --disable-fetch advisories
else
  printf 'NOT HERE: the database of advisories, so no dependency was looked up in it:\n%s\n' "$said" >&2
fi
