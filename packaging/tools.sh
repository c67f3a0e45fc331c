# Cargo's tools in fixed versions, for packaging/*.sh; sourced from the top of the repository. They stay under target/.

tools=${CGWD_PACKAGING_TOOLS:-$PWD/target/packaging}
PATH=$tools/bin:$PATH

# install_cargo_tool NAME@VERSION — not optimised: they run for seconds and take minutes to build (cargo-generate-rpm 114 s of
# processor time instead of 195, and 5 s for a package instead of 1). cargo-deb compresses for longer.
install_cargo_tool() {
  local level=0
  case $1 in cargo-deb@*) level=1 ;; esac
  [ ! -e "$tools/installed/$1" ] || return 0
  say "install $1 in $tools/bin"
  CARGO_PROFILE_RELEASE_OPT_LEVEL=$level CARGO_PROFILE_RELEASE_LTO=off CARGO_PROFILE_RELEASE_CODEGEN_UNITS=16 \
    CARGO_PROFILE_RELEASE_STRIP=true CARGO_TARGET_DIR=$tools/build \
    cargo install --quiet --locked --force --root "$tools" "$1"
  mkdir -p "$tools/installed"
  touch "$tools/installed/$1"
}
