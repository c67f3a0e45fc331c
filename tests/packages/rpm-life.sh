#!/usr/bin/env bash
# Installs an rpm, upgrades it and erases it, with rpm and with dnf, in a throw-away layer over this system: real files, real scripts,
# nothing left behind. In a mount namespace of its own (unshare --mount), as root. Exit code 77: it can't be done on this machine.
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
  again_with_dnf
  echo "rpm-life: all of it was done"
}

lay_out() {
  [ "$(id -u)" = 0 ] || return 1
  mount --make-rprivate / && mount -t tmpfs tmpfs "$work" || return 1
  mkdir "$work/upper" "$work/work" "$root"
  mount -t overlay overlay -o "lowerdir=/,upperdir=$work/upper,workdir=$work/work" "$root" || return 1
  mount -t proc proc "$root/proc"
  mount --bind /dev "$root/dev"
  # Where the README's line looks for it.
  mkdir -p "$root/root/target/packages"
  cp "$rpm" "$root/root/target/packages/"
  cp "$rpm" "$root/cgwd.rpm"
  # As in the distributions that use rpm: nothing is enabled that nobody asked for.
  mkdir -p "$root/usr/lib/systemd/system-preset"
  echo 'disable *' >"$root/usr/lib/systemd/system-preset/00-test.preset"
  within 'rpm --initdb'
  know_this_system
}

# This system's systemd came from another kind of package, of which rpm knows nothing.
know_this_system() {
  cat >"$root/this-system.spec" <<'SPEC'
Name: this-system
Version: 1
Release: 1
Summary: What this system has from packages of another kind
License: none
BuildArch: noarch
Provides: systemd
Provides: /bin/sh
%description
%files
SPEC
  within 'rpmbuild -bb --quiet --define "_rpmdir /this-system" /this-system.spec && rpm --install /this-system/noarch/*.rpm'
  mkdir -p "$root/etc/dnf"
  # No question is asked where nobody answers.
  printf '[main]\nassumeyes=True\n' >"$root/etc/dnf/dnf.conf"
}

install() {
  within 'rpm --install /cgwd.rpm' | expect 'configure it in /etc/cgwd/config.toml'
  [ -z "$(within 'rpm --verify cgwd')" ] || fail "rpm --verify finds differences"
  within 'getent passwd cgwd' | expect '/var/lib/cgwd'
  within 'stat -c "%U %a" /var/lib/cgwd' | expect '^cgwd 700$'
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
  within 'rpm --upgrade --replacepkgs /cgwd.rpm'
  within 'cat /etc/cgwd/config.toml' | expect '# the operator was here'
  within 'systemctl is-enabled cgwd.service' | expect '^enabled$'
}

erase() {
  within 'rpm --erase cgwd' | expect 'What is in the cloud stays'
  within 'cat /etc/cgwd/config.toml.rpmsave' | expect '# the operator was here'
  within 'cat /var/lib/cgwd/state' | expect '^state$'
  within 'ls -d /usr/bin/cgwd /usr/share/doc/cgwd /usr/share/licenses/cgwd /usr/lib/systemd/system/cgwd* \
    /etc/systemd/system/multi-user.target.wants/cgwd.service 2>/dev/null || true' | expect_only ''
}

# The line of README.md, as it stands there.
again_with_dnf() {
  local line
  line=$(sed -n 's/^sudo \(dnf install [^ ]*\) .*/\1/p' "$(dirname "$0")/../../README.md")
  [ -n "$line" ] || fail "README.md has no line with dnf"
  within "cd /root; $line" | expect 'Complete!'
  within 'cat /var/lib/cgwd/state' | expect '^state$'
  within 'cgwd --version' | expect '^cgwd [0-9]'
  within 'dnf remove cgwd' | expect 'Complete!'
  within 'ls /usr/bin/cgwd 2>/dev/null || true' | expect_only ''
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
