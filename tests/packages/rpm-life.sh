#!/usr/bin/env bash
# Installs an rpm, upgrades it and erases it, in a throw-away layer over this system: real files, real scripts, nothing left behind.
# In a mount namespace of its own (unshare --mount), as root. Exit code 77: it can't be done on this machine.
#
#   rpm-life.sh RPM EMPTY-FOLDER
set -euo pipefail
rpm=$1
work=$2
root=$work/root

main() {
  lay_out || { echo "no throw-away layer can be laid over this system (overlayfs, as root)"; exit 77; }
  install
  use
  upgrade
  erase
  echo "rpm-life: all of it was done"
}

lay_out() {
  [ "$(id -u)" = 0 ] || return 1
  mount --make-rprivate / && mount -t tmpfs tmpfs "$work" || return 1
  mkdir "$work/upper" "$work/work" "$root"
  mount -t overlay overlay -o "lowerdir=/,upperdir=$work/upper,workdir=$work/work" "$root" || return 1
  mount -t proc proc "$root/proc"
  mount --bind /dev "$root/dev"
  cp "$rpm" "$root/cgwd.rpm"
  # As in the distributions that use rpm: nothing is enabled that nobody asked for.
  mkdir -p "$root/usr/lib/systemd/system-preset"
  echo 'disable *' >"$root/usr/lib/systemd/system-preset/00-test.preset"
}

# Without the dependencies: this system's systemd came from another kind of package.
install() {
  within 'rpm --initdb'
  within 'rpm --install --nodeps /cgwd.rpm' | expect 'configure it in /etc/cgwd/config.toml'
  [ -z "$(within 'rpm --verify --nodeps cgwd')" ] || fail "rpm --verify finds differences"
  within 'getent passwd cgwd' | expect '/var/lib/cgwd'
  within 'systemctl is-enabled cgwd.service || true' | expect '^disabled$'
  within 'rpm --query --requires cgwd' | expect '^systemd$'
}

use() {
  within 'cgwd --version' | expect '^cgwd [0-9]'
  within 'cgwd config check || true' | expect 'address.network'
  # The message id of address.changed, explained in both languages.
  within 'journalctl --list-catalog 8f4f8839e4274ce9bb4fb1371d123326' | expect 'address'
  within 'systemd-analyze verify --man=no /usr/lib/systemd/system/cgwd.service 2>&1; echo verified' | expect_only 'verified'
  within 'man --warnings -E UTF-8 -P cat 8 cgwd 2>&1 || zcat /usr/share/man/man8/cgwd.8.gz' | expect 'EXIT STATUS'
}

upgrade() {
  within 'echo "# the operator was here" >>/etc/cgwd/config.toml; systemctl enable cgwd.service; mkdir -p /var/lib/cgwd; echo state >/var/lib/cgwd/state'
  within 'rpm --upgrade --nodeps --replacepkgs /cgwd.rpm'
  within 'cat /etc/cgwd/config.toml' | expect '# the operator was here'
  within 'systemctl is-enabled cgwd.service' | expect '^enabled$'
}

erase() {
  within 'rpm --erase --nodeps cgwd' | expect 'What is in the cloud stays'
  within 'cat /etc/cgwd/config.toml.rpmsave' | expect '# the operator was here'
  within 'cat /var/lib/cgwd/state' | expect '^state$'
  within 'ls -d /usr/bin/cgwd /usr/share/doc/cgwd /usr/share/licenses/cgwd /usr/lib/systemd/system/cgwd* \
    /etc/systemd/system/multi-user.target.wants/cgwd.service 2>/dev/null || true' | expect_only ''
}

within() { chroot "$root" /bin/sh -c "$1"; }

expect() {
  local said
  said=$(cat)
  grep -q -e "$1" <<<"$said" || fail "no \`$1\` in: $said"
}

expect_only() {
  local said
  said=$(cat)
  [ "$said" = "$1" ] || fail "not \`$1\` but: $said"
}

fail() { echo "rpm-life: $*" >&2; exit 1; }

main
