#!/bin/bash -e
# SPDX-License-Identifier: Apache-2.0 OR MIT
# A stage begins with a copy of the one before it.
if [ ! -d "${ROOTFS_DIR}" ]; then
	copy_previous
fi
