#!/bin/bash -e
# SPDX-License-Identifier: Apache-2.0 OR MIT
# Sets how both file systems of the card are mounted, on either image. The boot partition holds passwords until they are
# taken: root alone reads it, what is written is there at once, and without it the machine still boots.
table=${ROOTFS_DIR}/etc/fstab
awk -v OFS='\t' '
	$2 == "/boot/firmware" { $4 = "noatime,umask=0077,flush,nofail" }
	$2 == "/" { $4 = "noatime,errors=remount-ro,x-systemd.growfs" }
	{ print }
' "${table}" >"${table}.new"
grep -q '/boot/firmware.*nofail' "${table}.new" || {
	echo "02-boot-files: ${table} has no line for /boot/firmware" >&2
	exit 1
}
# The contents alone are replaced, not the file and its mode.
cat "${table}.new" >"${table}"
rm "${table}.new"
