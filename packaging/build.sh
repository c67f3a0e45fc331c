#!/usr/bin/env bash
# Builds the packages into target/packages: cgwd_VERSION_ARCH.deb, cgwd-VERSION-1.ARCH.rpm, and beside each architecture's its
# SBOM. Installs the tools that it needs first: Debian packages as root, everything else under target/packaging.
#
#   packaging/build.sh                  for amd64, and for arm64 where the target's standard library can be had
#   packaging/build.sh amd64 | arm64    for that one alone
#   packaging/build.sh program          the program for amd64 alone, and tells where it is; with CGWD_PACKAGING_PROFILE=dev not optimised,
#                                       for a look at how it is linked
#
# Two builds of one tree give the same bytes, wherever it lies: packaging/reproduce.sh checks it. README.md beside this file says
# what is in the packages, and why they are built so.
set -euo pipefail
cd "$(dirname "$(readlink -f "$0")")/.."
. tests/prepare.sh
. packaging/tools.sh

python=$tools/python
stage=target/packaging/stage
out=target/packages
declare -A folder=([release]=release [dev]=debug)
# rpm and Debian's checkers are not needed to build, but to look at what was built (tests/packages.rs).
debian=(build-essential musl-tools ca-certificates python3-venv dpkg-dev binutils qemu-user-static lintian rpm rpmlint dnf mandoc)
cargo_tools=(cargo-deb@3.8.0 cargo-generate-rpm@0.21.1 cargo-auditable@0.7.7 auditable2cdx@0.1.0)
# zig is the C compiler for arm64, where Debian has none with musl, and cargo-zigbuild builds against an old glibc instead.
python_tools=(ziglang==0.17.1 cargo-zigbuild==0.24.0)

main() {
  trap allow_services EXIT
  find_cargo
  install_tools
  settle_environment
  mkdir -p $out $stage
  case ${1:-all} in
    all)
      rm -f $out/*
      build amd64
      build arm64
      ;;
    amd64 | arm64)
      build "$1"
      ;;
    program)
      choose_target amd64
      compile $target "${CGWD_PACKAGING_PROFILE:-release}"
      say "the program"
      echo "$PWD/target/$target/${folder[${CGWD_PACKAGING_PROFILE:-release}]}/cgwd"
      return
      ;;
    *) fail "usage: packaging/build.sh [amd64|arm64|program]" ;;
  esac
  say "in $out"
  (cd $out && sha256sum -- *.deb *.rpm *.cdx.json)
}

install_tools() {
  install_packages "${debian[@]}"
  local wanted tool
  wanted=$(printf '%s\n' "${python_tools[@]}")
  if [ "$(cat "$python/installed.txt" 2>/dev/null)" != "$wanted" ]; then
    say "install ${python_tools[*]} in $python"
    rm -rf "$python"
    python3 -m venv "$python"
    "$python/bin/pip" install --quiet --disable-pip-version-check "${python_tools[@]}"
    printf '%s\n' "$wanted" >"$python/installed.txt"
  fi
  for tool in "${cargo_tools[@]}"; do install_cargo_tool "$tool"; done
  PATH=$python/bin:$PATH
}

# What must not differ between two builds: the time is the changelog's, no path of this machine gets into the binary, and nothing
# that whoever builds has set for other programs.
settle_environment() {
  local sysroot name cargo_home=${CARGO_HOME:-$HOME/.cargo}
  sysroot=$(rustc --print sysroot)
  SOURCE_DATE_EPOCH=$(dpkg-parsechangelog -l packaging/changelog -S Timestamp)
  export SOURCE_DATE_EPOCH TZ=UTC LC_ALL=C.UTF-8
  umask 022
  for name in $(compgen -e); do
    case $name in
      CARGO_BUILD_JOBS) ;;
      RUSTFLAGS | RUSTC_* | CARGO_TARGET_* | CARGO_BUILD_* | CARGO_PROFILE_* | CARGO_INCREMENTAL) unset "$name" ;;
      CC | CC_* | *_CC | CFLAGS_* | *_CFLAGS | AR | AR_* | *_AR | ARFLAGS* | CRATE_CC_* | REALGCC | CPATH | C_INCLUDE_PATH) unset "$name" ;;
      LIBSQLITE3_* | SQLITE_* | SQLITE3_* | RING_*) unset "$name" ;;
    esac
  done
  rustflags=("--remap-path-prefix=$PWD=/cgwd" "--remap-path-prefix=$cargo_home=/cargo" "--remap-path-prefix=$sysroot=/rust")
  export CFLAGS="-ffile-prefix-map=$PWD=/cgwd -ffile-prefix-map=$cargo_home=/cargo -fno-asynchronous-unwind-tables -fno-unwind-tables"
  export ZIG_GLOBAL_CACHE_DIR=$PWD/target/packaging/zig-cache ZIG_LOCAL_CACHE_DIR=$PWD/target/packaging/zig-cache
}

build() {
  local arch=$1 binary
  local rpm=x86_64
  [ "$arch" = amd64 ] || rpm=aarch64
  rm -f $out/*_"$arch".* $out/*."$rpm".rpm $out/"$arch"-*.txt
  choose_target "$arch" || return 0
  [ ${#variant[@]} = 0 ] || not_static >$out/"$arch"-not-static.txt
  compile $target release
  binary=target/$target/release/cgwd
  fill_stage $target $binary
  say "package for $arch"
  cargo deb --quiet --no-build --no-strip --target $target --deb-revision "" --output $out/ "${variant[@]}"
  cargo generate-rpm "${variant[@]}" --target $target --payload-compress gzip --output $out/
  packaging/sbom.py $target $binary >$out/cgwd_"$(version)_$arch".cdx.json
}

# Sets `target`, and `variant` where the packages are of another kind; fails where nothing can be built for this architecture.
choose_target() {
  variant=()
  case $1 in
    amd64) target=x86_64-unknown-linux-musl ;;
    arm64) target=aarch64-unknown-linux-musl ;;
  esac
  have_standard_library $target && return
  [ "$1" = amd64 ] || { say "$(not_built $target | tee $out/"$1"-not-built.txt)"; return 1; }
  target=x86_64-unknown-linux-gnu
  variant=(--variant glibc)
  say "$(not_static)"
}

not_built() { echo "Rust's standard library for $1 cannot be had here (rustup target add): no packages for that architecture"; }

not_static() {
  echo "Rust's standard library for static programs cannot be had here (rustup target add): the program needs glibc, 2.17 or newer"
}

# The linker that comes with Rust, and Rust's own musl: what comes out depends on the version of Rust, not on the machine's linker.
# A static program holds no table for unwinding, equal functions once, and its relocations packed: README.md has what that saves.
compile() {
  local profile=$2 flags=("${rustflags[@]}") linker=$PWD/packaging/linker
  say "build for $1"
  case $1 in
    *-musl)
      flags+=(-Clinker-flavor=ld.lld -Cforce-unwind-tables=no -Clink-arg=--icf=all -Clink-arg=--pack-dyn-relocs=relr)
      ;;
  esac
  CARGO_ENCODED_RUSTFLAGS=$(IFS=$'\x1f' && echo "${flags[*]}")
  export CARGO_ENCODED_RUSTFLAGS
  forget_what_others_compiled "$1"
  case $1 in
    x86_64-unknown-linux-musl)
      CARGO_TARGET_X86_64_UNKNOWN_LINUX_MUSL_LINKER=$linker CC_x86_64_unknown_linux_musl=musl-gcc \
        auditable build --profile "$profile" --locked --target "$1"
      ;;
    aarch64-unknown-linux-musl)
      CARGO_TARGET_AARCH64_UNKNOWN_LINUX_MUSL_LINKER=$linker CC_aarch64_unknown_linux_musl=$PWD/packaging/aarch64-linux-musl-cc \
        ZIG=$(echo "$python"/lib/python3*/site-packages/ziglang/zig) auditable build --profile "$profile" --locked --target "$1"
      ;;
    x86_64-unknown-linux-gnu) auditable zigbuild --profile "$profile" --locked --target "$1.2.17" ;;
  esac
}

# What `cargo auditable` does, but that cargo is told the program's name and not its path: cargo makes the names of all symbols from
# it too, so that with its tools in another folder the same source would become another program (the same functions in another order).
auditable() {
  RUSTC_WORKSPACE_WRAPPER=cargo-auditable CARGO_AUDITABLE_ORIG_ARGS='{"offline":false,"locked":true,"frozen":false,"config":[]}' \
    cargo "$@"
}

# Cargo compiles again where the source, Rust or a flag is another one. The C compiler and the linker's script it knows by name alone.
forget_what_others_compiled() {
  local stamp=target/$1/compiled-with.txt with
  with=$({
    gcc --version || true
    dpkg-query -W musl-dev 2>/dev/null || true
    cat "$python/installed.txt" packaging/linker packaging/aarch64-linux-musl-cc
  } | sha256sum)
  [ "$(cat "$stamp" 2>/dev/null)" != "$with" ] || return 0
  rm -rf "target/$1"
  mkdir -p "target/$1"
  echo "$with" >"$stamp"
}

# CGWD_PACKAGING_LIBC=glibc builds as on a machine without the standard library of musl; packaging/README.md compares them.
have_standard_library() {
  local lib
  [ "${CGWD_PACKAGING_LIBC:-musl}" = musl ] || return 1
  lib=$(rustc --print target-libdir --target "$1")
  ls "$lib"/libstd-*.rlib >/dev/null 2>&1 && return 0
  rustup target add "$1" >/dev/null 2>&1 && ls "$lib"/libstd-*.rlib >/dev/null 2>&1
}

# What the program itself prints, and what is compressed or changed on its way into the packages.
fill_stage() {
  local target=$1 program
  program=($(runner "$target") "$2")
  rm -rf $stage
  mkdir -p $stage
  "${program[@]}" man cgwd | squeeze >$stage/cgwd.8.gz
  "${program[@]}" man cgwd.toml | squeeze >$stage/cgwd.toml.5.gz
  "${program[@]}" completions bash >$stage/cgwd.bash
  "${program[@]}" completions zsh >$stage/cgwd.zsh
  "${program[@]}" completions fish >$stage/cgwd.fish
  # What must be decided by a person is a comment here: a device must not register what an example says.
  "${program[@]}" config example | sed 's/^[a-z]/#&/' >$stage/config.toml
  squeeze <CHANGELOG.md >$stage/CHANGELOG.md.gz
  squeeze <packaging/changelog >$stage/changelog.gz
  packaging/notices.py "$target" "$(echo "$python"/lib/python3*/site-packages/ziglang/lib/libc/musl/COPYRIGHT)" |
    squeeze >$stage/NOTICES.gz
}

squeeze() { gzip -9n; }

# Another architecture's program runs in an emulator, which is its first test.
runner() {
  local arch=${1%%-*}
  [ "$arch" = "$(uname -m)" ] || echo "qemu-$arch-static"
}

version() { dpkg-parsechangelog -l packaging/changelog -S Version; }

main "$@"
