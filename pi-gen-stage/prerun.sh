#!/bin/bash -e
# SPDX-License-Identifier: Apache-2.0 OR MIT
if [ ! -d "${ROOTFS_DIR}" ]; then
	copy_previous
fi
