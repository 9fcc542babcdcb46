#!/bin/bash -e
# SPDX-License-Identifier: Apache-2.0 OR MIT
# Raspberry Pi OS only: one program configures this machine, ours; nobody has a password; the card is divided by
# broker-card.service; and what serves no appliance goes.
cd "$(dirname "$0")"
# A dialogue for a user's name, a question on the console, SSH for a file on the boot partition, and another growth.
rm -f "${ROOTFS_DIR}"/etc/systemd/system/*.wants/{userconfig,sshswitch,rpi-resize}.service
systemctl --root="${ROOTFS_DIR}" mask userconfig.service systemd-firstboot.service sshswitch.service rpi-resize.service
sed -i 's/ resize\b//' "${ROOTFS_DIR}/boot/firmware/cmdline.txt"

unwanted=$(sed 's/#.*//' files/unwanted)
# shellcheck disable=SC2016,SC2086 # the inner shell expands it; names are words
../in-root "${ROOTFS_DIR}" sh -euc '
	user=$1
	shift
	# dpkg-query complains of names that nothing has here, and lists the others.
	installed=$(dpkg-query --show --showformat="\${Package} \${db:Status-Abbrev}\n" "$@" 2>/dev/null | sed -n "s/ .i *$//p")
	# What our packages need stays, whoever asked for it first.
	apt-get purge --yes --auto-remove $installed
	# Nothing on a 64-bit appliance is for 32 bits, and no index of that is fetched again and again.
	if dpkg --print-foreign-architectures | grep -qx armhf; then dpkg --remove-architecture armhf; fi
	rm -f /etc/apt/apt.conf.d/99arm64-only
	for account in root "$user"; do usermod --password "*" "$account"; done
	usermod --shell /usr/sbin/nologin --groups "" "$user"
' sh "${FIRST_USER_NAME}" ${unwanted}
