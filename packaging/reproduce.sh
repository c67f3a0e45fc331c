#!/usr/bin/env bash
# Builds the packages for amd64 a second time, from a copy of this tree in another folder, and compares: whoever builds this
# version with the same Rust gets the same bytes. Run packaging/build.sh first. Takes as long as a release build.
set -euo pipefail
cd "$(dirname "$(readlink -f "$0")")/.."

first=$PWD/target/packages
# Under target/, so that what a killed run leaves behind is found and removed by the next one.
copy=$PWD/target/packaging/a-folder-elsewhere
trap 'rm -rf "$copy"' EXIT
rm -rf "$copy"
mkdir -p "$copy"

ls "$first"/*_amd64.deb >/dev/null || { echo "packaging/reproduce.sh: no packages yet; run packaging/build.sh" >&2; exit 1; }
git ls-files -z --cached --others --exclude-standard | xargs -0 cp --parents -t "$copy"
# Other dates, as a later checkout has them.
find "$copy" -exec touch -d '2031-03-04 05:06:07' {} +
CGWD_PACKAGING_TOOLS=${CGWD_PACKAGING_TOOLS:-$PWD/target/packaging} "$copy"/packaging/build.sh amd64

status=0
for file in "$copy"/target/packages/*; do
  if cmp "$file" "$first/${file##*/}"; then
    echo "the same: ${file##*/}"
  else
    status=1
  fi
done
exit $status
