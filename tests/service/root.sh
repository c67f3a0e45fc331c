#!/usr/bin/env bash
# Makes target/lab/root, a small Debian with systemd, on a throw-away copy of which each story of tests/service_life boots, and
# target/lab/root-bullseye and root-trixie, the oldest and the newest one that the package is tried on. Each is made anew when this
# file changes; nothing of it is needed outside the tests.
#
#   root.sh [bookworm | bullseye | trixie]     that one; bookworm where none is named
set -euo pipefail
cd "$(dirname "$(readlink -f "$0")")/../.."

wanted=$(sha256sum <"$0")
packages=systemd,systemd-sysv,dbus,libnss-systemd,iproute2,ca-certificates,procps

main() {
  mkdir -p target/lab
  case ${1:-bookworm} in
    bookworm)
      sources=(/etc/apt/sources.list.d/debian.sources)
      [ -e "${sources[0]}" ] || sources=(/etc/apt/sources.list)
      # Routing daemons for the drop-ins, openssl for a TPM-less systemd-creds, locales for the Chinese explanations, sudo for the
      # lines of the README, strace for a disk that takes its time, rpm and dnf for the packages of that kind.
      packages+=,openssl,locales,frr,bird2,sudo,strace,tzdata,rpm,dnf
      make bookworm target/lab/root "${sources[0]}" \
        --customize-hook='chroot "$1" systemctl --quiet disable frr.service bird.service apt-daily.timer apt-daily-upgrade.timer' \
        --customize-hook='chroot "$1" localedef -i zh_CN -f UTF-8 zh_CN.UTF-8'
      ;;
    bullseye)
      # One day it is in Debian's archive alone. With /bin in /usr, as the installer of Debian 11 makes it.
      local mirror
      for mirror in http://deb.debian.org/debian http://archive.debian.org/debian; do
        make bullseye target/lab/root-bullseye \
          "deb [signed-by=/usr/share/keyrings/debian-archive-keyring.gpg] $mirror bullseye main" \
          --setup-hook='for folder in bin sbin lib lib32 lib64 libx32; do mkdir -p "$1/usr/$folder"; ln -s usr/$folder "$1/$folder"; done' &&
          return 0
      done
      return 1
      ;;
    trixie)
      make trixie target/lab/root-trixie \
        "deb [signed-by=/usr/share/keyrings/debian-archive-keyring.gpg] http://deb.debian.org/debian trixie main"
      ;;
  esac
}

# make SUITE ROOT SOURCE OPTION…
make() {
  local suite=$1 root=$2 source=$3
  local stamp=$root/etc/cgwd-test-root
  shift 3
  [ "$(cat "$stamp" 2>/dev/null)" != "$wanted" ] || return 0
  rm -rf "$root"
  mmdebstrap --quiet --variant=important --include=$packages "$@" \
    --customize-hook='rm -f "$1"/etc/machine-id "$1"/var/lib/dbus/machine-id; : >"$1"/etc/machine-id' \
    --customize-hook='rm -rf "$1"/var/lib/apt/lists/* "$1"/var/cache/apt/*.bin "$1"/usr/share/doc "$1"/usr/share/man' \
    "$suite" "$root" "$source" >&2 || { rm -rf "$root"; return 1; }
  printf '%s\n' "$wanted" >"$stamp"
}

main "$@"
