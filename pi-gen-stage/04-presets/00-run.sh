#!/bin/bash -e
# SPDX-License-Identifier: Apache-2.0 OR MIT
# What starts by itself is what our preset file names, on either image.
systemctl --root="${ROOTFS_DIR}" --quiet preset-all
