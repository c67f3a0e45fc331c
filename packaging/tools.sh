# Cargo's tools in fixed versions, for packaging/*.sh; sourced from the top of the repository. They stay under target/.

tools=${CGWD_PACKAGING_TOOLS:-$PWD/target/packaging}
PATH=$tools/bin:$PATH

# install_cargo_tool NAME@VERSION — hardly optimised: they run for seconds.
install_cargo_tool() {
  [ ! -e "$tools/installed/$1" ] || return 0
  say "install $1 in $tools/bin"
  CARGO_PROFILE_RELEASE_OPT_LEVEL=1 CARGO_PROFILE_RELEASE_LTO=off CARGO_PROFILE_RELEASE_CODEGEN_UNITS=16 \
    CARGO_PROFILE_RELEASE_STRIP=true CARGO_TARGET_DIR=$tools/build \
    cargo install --quiet --locked --force --root "$tools" "$1"
  mkdir -p "$tools/installed"
  touch "$tools/installed/$1"
}
