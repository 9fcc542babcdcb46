#!/bin/bash -e
# SPDX-License-Identifier: Apache-2.0 OR MIT
# Raspberry Pi OS only: one program configures this machine, ours. Its dialogue for a user's name would wait for a
# keyboard for ever, and cloud-init would be a second provisioner. Nobody has a password.
systemctl --root="${ROOTFS_DIR}" mask userconfig.service systemd-firstboot.service
# shellcheck disable=SC2016 # the inner shell expands it
../in-root "${ROOTFS_DIR}" sh -euc '
	others=$(dpkg-query --show --showformat="\${Package}\n" | sed -n "/^\(rpi-\)\?cloud-init/p")
	[ -z "$others" ] || apt-get purge --yes $others
	usermod --password "*" root
	usermod --password "*" "$1"
' sh "${FIRST_USER_NAME}"
# The boot partition holds passwords until they are taken: root alone reads it.
sed -i 's|\(/boot/firmware[[:space:]]*vfat[[:space:]]*\)defaults|\1defaults,umask=0077|' "${ROOTFS_DIR}/etc/fstab"
