#!/usr/bin/env bash
# Installs an rpm, upgrades it and erases it, with rpm and with dnf, in a throw-away layer over this system: real files, real scripts,
# nothing left behind. What the scripts do under a live systemd, tests/service_life tells. In a mount namespace of its own (unshare
# --mount), as root. Exit code 77: it can't be done on this machine.
#
#   rpm-life.sh RPM EMPTY-FOLDER
set -euo pipefail
rpm=$1
work=$2
root=$work/root

main() {
  lay_out || { echo "no throw-away layer can be laid over this system (overlayfs, as root)"; exit 77; }
  know_this_system
  install
  use
  make_the_next
  upgrade
  downgrade
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
  mkdir -p "$root/srv/checkout/target/packages"
  cp "$rpm" "$root/srv/checkout/target/packages/"
  cp "$rpm" "$root/cgwd.rpm"
}

# This system came from packages of another kind, of which rpm knows nothing.
know_this_system() {
  local here
  here=$(dirname "$(readlink -f "$0")")
  cp "$here/this-system.sh" "$here/next-rpm.sh" "$root/"
  within 'sh /this-system.sh'
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

make_the_next() {
  within 'sh /next-rpm.sh'
  within 'rpm --query --package --configfiles /next/x86_64/cgwd-99.0-1.x86_64.rpm' | expect_only '/etc/cgwd/config.toml'
}

upgrade() {
  within 'echo "# the operator was here" >>/etc/cgwd/config.toml; systemctl enable cgwd.service; mkdir -p /var/lib/cgwd; echo state >/var/lib/cgwd/state'
  within 'rpm --upgrade /next/x86_64/cgwd-99.0-1.x86_64.rpm 2>&1' | expect 'config.toml.rpmnew'
  is_the_next
  within 'tail -n 1 /etc/cgwd/config.toml' | expect_only '# the operator was here'
  within 'tail -n 1 /etc/cgwd/config.toml.rpmnew' | expect_only '# of 99.0'
  keeps_what_is_the_operator_s
}

downgrade() {
  within 'rm /etc/cgwd/config.toml.rpmnew; rpm --upgrade --oldpackage /cgwd.rpm'
  within 'tail -c 10 /usr/bin/cgwd; cat /usr/lib/systemd/system/cgwd.service' | expect_not 'of 99.0'
  within 'tail -n 1 /etc/cgwd/config.toml' | expect_only '# the operator was here'
  keeps_what_is_the_operator_s
}

is_the_next() {
  within 'rpm --query cgwd' | expect '^cgwd-99.0-1'
  within 'tail -c 10 /usr/bin/cgwd' | expect_only '# of 99.0'
  within 'cat /usr/lib/systemd/system/cgwd.service' | expect '^Description=.* of 99.0$'
}

keeps_what_is_the_operator_s() {
  within 'systemctl is-enabled cgwd.service' | expect '^enabled$'
  keeps_the_state
}

erase() {
  local said
  said=$(within 'rpm --erase cgwd 2>&1')
  expect 'What is in the cloud stays' <<<"$said"
  expect_not 'not finished' <<<"$said"
  within 'cat /etc/cgwd/config.toml.rpmsave' | expect '# the operator was here'
  keeps_the_state
  within 'ls -d /usr/bin/cgwd /usr/share/doc/cgwd /usr/share/licenses/cgwd /usr/lib/systemd/system/cgwd* \
    /etc/systemd/system/multi-user.target.wants/cgwd.service 2>/dev/null || true' | expect_only ''
}

# The lines of README.md, as they stand there.
again_with_dnf() {
  local line
  line=$(readme_line 'dnf install')
  within "cd /srv/checkout; $line" | expect 'Complete!'
  keeps_the_state
  within 'cgwd --version' | expect '^cgwd [0-9]'
  # Nobody has edited the configuration since: it follows the package.
  within 'cd /srv/checkout/target/packages; rm cgwd-*.rpm; mv /next/x86_64/cgwd-99.0-1.x86_64.rpm .'
  line=$(readme_line 'dnf upgrade')
  within "cd /srv/checkout; $line" | expect 'Complete!'
  is_the_next
  within 'tail -n 1 /etc/cgwd/config.toml' | expect_only '# of 99.0'
  # What cannot be read may hold a replacement that is not finished: who removes it is told.
  within 'echo spoilt >/var/lib/cgwd/journal.db'
  local said
  said=$(within 'dnf remove cgwd 2>&1')
  expect 'Complete!' <<<"$said"
  expect 'whether a replacement is finished cannot be read' <<<"$said"
  keeps_the_state
  within 'ls /usr/bin/cgwd 2>/dev/null || true' | expect_only ''
}

readme_line() {
  sed -n "s/^sudo \($1 [^ ]*\)\( .*\)*$/\1/p" "$(dirname "$0")/../../README.md" | grep . || fail "README.md has no line with $1"
}

keeps_the_state() { within 'cat /var/lib/cgwd/state' | expect_only 'state'; }

within() { chroot "$root" /bin/sh -c "$1"; }

expect() {
  local said
  said=$(cat)
  grep -q -e "$1" <<<"$said" || fail "no \`$1\` in: $said"
}

expect_not() {
  local said
  said=$(cat)
  ! grep -q -e "$1" <<<"$said" || fail "\`$1\` in: $said"
}

expect_only() {
  local said
  said=$(cat)
  [ "$said" = "$1" ] || fail "not \`$1\` but: $said"
}

fail() { echo "rpm-life: $*" >&2; exit 1; }

main
