#!/bin/bash -e
# SPDX-License-Identifier: Apache-2.0 OR MIT
# Puts what the owner of the card sees onto the boot partition, with line ends that every editor shows.
for name in broker.toml README.txt; do
	sed 's/$/\r/' "${ROOTFS_DIR}/usr/share/mqtt-broker/${name}" >"${ROOTFS_DIR}/boot/firmware/${name}"
done
# A browser needs none.
cp "${ROOTFS_DIR}/usr/share/mqtt-broker/MANUAL.html" "${ROOTFS_DIR}/boot/firmware/MANUAL.html"
