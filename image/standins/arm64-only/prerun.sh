#!/bin/bash -e
# SPDX-License-Identifier: Apache-2.0 OR MIT
# Goes before pi-gen's stage0 where the mirror's armhf indexes are absent or broken: does stage0's first step with pi-gen's
# own function, and tells apt of this root file system to ask for arm64 alone. pi-gen adds armhf, and nothing here needs it.
root="${WORK_DIR}/stage0/rootfs"
if [ ! -d "$root" ]; then
	mkdir -p "${WORK_DIR}/stage0"
	STAGE_WORK_DIR="${WORK_DIR}/stage0" bootstrap "${RELEASE}" "$root" http://deb.debian.org/debian/
	printf 'APT::Architectures "arm64";\nAPT::Architectures:: "arm64";\n' >"$root/etc/apt/apt.conf.d/99arm64-only"
fi
