#!/bin/sh
# Tells rpm and dnf of a system that is made of Debian's packages what it has from those, and has them ask nobody anything. Nothing is
# enabled that nobody asked for, as in the distributions that use rpm.
set -e
cat >/this-system.spec <<'SPEC'
Name: this-system
Version: 1
Release: 1
Summary: What this system has from packages of another kind
License: none
BuildArch: noarch
Provides: systemd
Provides: /bin/sh
Provides: libc.so.6(GLIBC_2.17)(64bit)
%description
%files
SPEC
rpm --initdb
rpmbuild -bb --quiet --define "_rpmdir /this-system" /this-system.spec
rpm --install /this-system/noarch/*.rpm
mkdir -p /etc/dnf /usr/lib/systemd/system-preset
printf '[main]\nassumeyes=True\n' >/etc/dnf/dnf.conf
echo 'disable *' >/usr/lib/systemd/system-preset/00-test.preset
