#!/usr/bin/env bash
# Builds the packages a second time as somebody else would, and compares: whoever builds this version with the same Rust and the same
# C compiler gets the same bytes. Run packaging/build.sh first. Takes as long as a release build from nothing.
#
#   packaging/reproduce.sh [amd64|arm64]     amd64 where none is named
set -euo pipefail
cd "$(dirname "$(readlink -f "$0")")/.."

arch=${1:-amd64}
first=$PWD/target/packages
tools=${CGWD_PACKAGING_TOOLS:-$PWD/target/packaging}
# Under target/, so that what a killed run leaves behind is found and removed by the next one.
copy=$PWD/target/packaging/a-folder-elsewhere
home=$copy/target/home
cargo_home=${CARGO_HOME:-$HOME/.cargo}

main() {
  ls "$first"/*_"$arch".deb >/dev/null || fail "no packages yet; run packaging/build.sh"
  trap 'rm -rf "$copy"' EXIT
  rm -rf "$copy"
  (umask 077 && lay_out)
  build_as_somebody_else
  compare
}

fail() { echo "packaging/reproduce.sh: $*" >&2; exit 1; }

# Another folder, dates as a later checkout has them, files that nobody else may read; tools and cargo's own folder elsewhere too, where
# they take no more room.
lay_out() {
  mkdir -p "$copy" "$home/cargo"
  git ls-files -z --cached --others --exclude-standard | xargs -0 cp --no-preserve=mode --parents -t "$copy"
  git ls-files -z --cached --others --exclude-standard | while read -r -d '' file; do
    [ ! -x "$file" ] || chmod u+x "$copy/$file"
  done
  find "$copy" -exec touch -d '2031-03-04 05:06:07' {} +
  mkdir -p "$copy/target/packaging"
  link "$tools"/{bin,installed,python} "$copy/target/packaging/"
  mkdir -p "$home/cargo/registry"
  link "$cargo_home"/registry/{index,cache} "$home/cargo/registry/"
  [ ! -e "$cargo_home/config.toml" ] || cp "$cargo_home/config.toml" "$home/cargo/"
}

link() { cp -al "$@" 2>/dev/null || cp -a "$@"; }

# With another clock, language and home, and with what developers set for other programs.
build_as_somebody_else() {
  (
    umask 027
    unset CGWD_PACKAGING_TOOLS
    export RUSTUP_HOME=${RUSTUP_HOME:-$HOME/.rustup} HOME=$home CARGO_HOME=$home/cargo USER=somebody LOGNAME=somebody
    export TZ=Asia/Shanghai LANG=zh_CN.UTF-8 LC_ALL=zh_CN.UTF-8 SOURCE_DATE_EPOCH=1 CARGO_BUILD_JOBS=3 CARGO_INCREMENTAL=1
    export RUSTFLAGS=-Copt-level=1 CARGO_PROFILE_RELEASE_OPT_LEVEL=1 CARGO_TARGET_DIR=$home/target CFLAGS=-O1 CC=cc LIBSQLITE3_FLAGS=-DX
    "$copy"/packaging/build.sh "$arch"
  )
}

compare() {
  local status=0 file
  for file in "$copy"/target/packages/*; do
    if cmp "$file" "$first/${file##*/}"; then
      echo "the same: ${file##*/}"
    else
      status=1
    fi
  done
  return $status
}

main
