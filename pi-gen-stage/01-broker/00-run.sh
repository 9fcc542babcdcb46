#!/bin/bash -e
# SPDX-License-Identifier: Apache-2.0 OR MIT
# Installs our packages into ROOTFS_DIR, for pi-gen and the quick image alike. Exactly one file of each stands in
# BROKER_DEBS (default: files/ beside this script), in a release also the one that names its address and its key. Dependencies
# are there already: a missing one is an error.
cd "$(dirname "$0")"
debs=${BROKER_DEBS:-files}
# They stay there: an update that does not work goes back to them.
inside=/var/lib/broker-update/good

shopt -s nullglob
found=("${debs}"/mqtt-broker_*_arm64.deb "${debs}"/mqtt-broker-provisioner_*_arm64.deb "${debs}"/mqtt-broker-appliance_*_all.deb)
if [ "${#found[@]}" -ne 3 ]; then
	echo "01-broker: need one file of each package, found: ${found[*]}" >&2
	exit 1
fi
found+=("${debs}"/mqtt-broker-archive-keyring_*_all.deb)
install -d "${ROOTFS_DIR}${inside}"
for deb in "${found[@]}"; do
	name=${deb##*/}
	install -m 644 "${deb}" "${ROOTFS_DIR}${inside}/${name%%_*}.deb"
done
# shellcheck disable=SC2016 # the inner shell expands it
../in-root "${ROOTFS_DIR}" sh -euc 'dpkg --install "$1"/*.deb' sh "${inside}"
