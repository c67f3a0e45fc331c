#!/bin/sh
# Makes /next/x86_64/cgwd-99.0-1.x86_64.rpm of the cgwd that is installed: a later version, in which everything differs that rpm treats
# in a way of its own: the program, the unit, and the example of the configuration. With the scripts of this one.
set -e
tree=/next/tree
rpm --query --list cgwd | while read -r file; do
  if [ -d "$file" ]; then mkdir -p "$tree$file"; else mkdir -p "$tree${file%/*}"; cp -p "$file" "$tree$file"; fi
done
echo '# of 99.0' | tee -a $tree/etc/cgwd/config.toml >>$tree/usr/bin/cgwd
sed -i 's/^Description=.*/& of 99.0/' $tree/usr/lib/systemd/system/cgwd.service
{
  printf 'Name: cgwd\nVersion: 99.0\nRelease: 1\nSummary: A later version\nLicense: Apache-2.0\nRequires: systemd\nAutoReqProv: no\n'
  printf '%%global __os_install_post %%{nil}\n%%global debug_package %%{nil}\n%%global _build_id_links none\n%%description\n'
  printf '%%install\ncp -a %s/. %%{buildroot}/\n' $tree
  rpm --query --queryformat '%%post\n%{POSTIN}\n%%preun\n%{PREUN}\n%%postun\n%{POSTUN}\n' cgwd
  echo '%files'
  rpm --query --list cgwd | while read -r file; do
    if [ -d "$file" ]; then echo "%dir $file"; else case $file in /etc/*) echo "%config(noreplace) $file" ;; *) echo "$file" ;; esac; fi
  done
} >/next/cgwd.spec
rpmbuild -bb --quiet --define '_rpmdir /next' /next/cgwd.spec
