#!/usr/bin/env bash
# Makes target/lab/root: a small Debian with systemd, on a throw-away copy of which each story of tests/service boots. It is
# made anew when this file changes; nothing of it is needed outside the tests.
set -euo pipefail
cd "$(dirname "$(readlink -f "$0")")/../.."

root=target/lab/root
stamp=$root/etc/cgwd-test-root
# Routing daemons for the drop-ins, openssl for a TPM-less systemd-creds, locales for the Chinese explanations, sudo for the lines
# of the README, strace for a disk that takes its time.
packages=systemd,systemd-sysv,dbus,libnss-systemd,iproute2,ca-certificates,openssl,procps,locales,frr,bird2,sudo,strace,tzdata

wanted=$(sha256sum <"$0")
[ "$(cat "$stamp" 2>/dev/null)" != "$wanted" ] || exit 0
rm -rf $root
mkdir -p target/lab
sources=(/etc/apt/sources.list.d/debian.sources)
[ -e "${sources[0]}" ] || sources=(/etc/apt/sources.list)
mmdebstrap --quiet --variant=important --include=$packages \
  --customize-hook='chroot "$1" systemctl --quiet disable frr.service bird.service apt-daily.timer apt-daily-upgrade.timer' \
  --customize-hook='chroot "$1" localedef -i zh_CN -f UTF-8 zh_CN.UTF-8' \
  --customize-hook='rm -f "$1"/etc/machine-id "$1"/var/lib/dbus/machine-id; : >"$1"/etc/machine-id' \
  --customize-hook='rm -rf "$1"/var/lib/apt/lists/* "$1"/var/cache/apt/*.bin "$1"/usr/share/doc "$1"/usr/share/man' \
  bookworm $root "${sources[@]}" >&2
printf '%s\n' "$wanted" >"$stamp"
