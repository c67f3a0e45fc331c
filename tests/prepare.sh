# What a machine needs before something is run on it; sourced by tests/run and bench/run, from the top of the repository.
# Installing a package starts no service, now or at the next boot.

venv=target/test-venv
policy=/usr/sbin/policy-rc.d
made_policy=

say() { printf '\n== %s\n' "$*"; }
fail() { printf '%s: %s\n' "$0" "$*" >&2; exit 1; }

find_cargo() {
  local home=${CARGO_HOME:-${HOME:-/root}/.cargo}
  command -v cargo >/dev/null || PATH=$home/bin:$PATH
  command -v cargo >/dev/null || fail "Rust is not installed. Install it with:
  curl --proto '=https' --tlsv1.2 -sSf https://sh.rustup.rs | sh -s -- -y --component clippy,rustfmt"
}

# install_packages NAME… — as root; otherwise it names what is missing.
install_packages() {
  local missing=() package
  command -v dpkg-query >/dev/null || { say "no Debian: install by hand what is missing of $*"; return 0; }
  for package in "$@"; do
    [ "$(dpkg-query -W -f '${db:Status-Status}' "$package" 2>/dev/null)" = installed ] || missing+=("$package")
  done
  [ ${#missing[@]} -gt 0 ] || return 0
  say "install ${missing[*]}"
  [ "$(id -u)" = 0 ] || fail "these packages are missing; as root: apt-get install --no-install-recommends ${missing[*]}"
  keep_services_down
  export DEBIAN_FRONTEND=noninteractive
  # A stale index of one source is no reason to stop: what is missing shows when it is installed.
  apt-get update -qq || true
  apt-get install -y -qq --no-remove --no-install-recommends "${missing[@]}"
  # Nor shall they start with the next boot, where nobody asked for them.
  for package in "${missing[@]}"; do
    case $package in
      frr) systemctl --quiet disable frr.service ;;
      bird2) systemctl --quiet disable bird.service ;;
    esac
  done
  allow_services
}

# Debian starts a service as soon as it is installed, unless this program says no (invoke-rc.d(8)).
keep_services_down() {
  [ ! -e $policy ] || return 0
  made_policy=yes
  printf '#!/bin/sh\nexit 101\n' >$policy
  chmod 755 $policy
}

allow_services() {
  [ -z "$made_policy" ] || rm -f $policy
  made_policy=
}

# What tests use of Python (the cloud's own client, the SBOM's schema), in an environment of its own.
install_python() {
  local wanted=tests/requirements.txt
  cmp -s $wanted $venv/installed.txt && return 0
  say "install the Python of the tests in $venv"
  rm -rf $venv
  python3 -m venv $venv
  $venv/bin/pip install --quiet --disable-pip-version-check --requirement $wanted
  cp $wanted $venv/installed.txt
}
