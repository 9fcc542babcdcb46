# SPDX-License-Identifier: Apache-2.0 OR MIT
"""The pi-gen stage, judged as pi-gen would use it: shape, syntax, settings, and what its scripts do to a root.

A script that pi-gen does not recognise, or that is not executable, is silently not run.
"""

import os
import re
import subprocess
import sys
import tempfile
import unittest
from pathlib import Path

PROJECT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(PROJECT / "image"))

import rootfs  # noqa: E402

STAGE = PROJECT / "pi-gen-stage"
SUB_STAGES = ["00-packages", "01-broker", "02-boot-files", "03-headless"]
RECOGNISED = re.compile(r"\d\d-(debconf|packages|packages-nr|run\.sh|run-chroot\.sh)|files")
PRERUN = 'if [ ! -d "${ROOTFS_DIR}" ]; then\n\tcopy_previous\nfi\n'


class Shape(unittest.TestCase):
    def test_every_folder_is_a_sub_stage_in_order(self):
        self.assertEqual(SUB_STAGES, sorted(path.name for path in STAGE.iterdir() if path.is_dir()))

    def test_pi_gen_recognises_every_file_in_them(self):
        for path in (path for name in SUB_STAGES for path in (STAGE / name).iterdir()):
            self.assertRegex(path.name, RECOGNISED)

    def test_every_script_is_executable_and_has_no_syntax_error(self):
        scripts = [STAGE / "prerun.sh", STAGE / "in-root", *STAGE.glob("*/*.sh")]
        self.assertGreater(len(scripts), 4)
        for script in scripts:
            self.assertTrue(os.access(script, os.X_OK), script)
            checked = subprocess.run(["bash", "-n", script], capture_output=True, text=True)
            self.assertEqual((0, ""), (checked.returncode, checked.stderr))

    def test_it_begins_with_the_stage_before_it(self):
        self.assertTrue((STAGE / "prerun.sh").read_text().endswith(PRERUN))

    def test_it_exports_one_image_under_a_name_of_its_own(self):
        self.assertEqual("-mqtt-broker", _sourced(STAGE / "EXPORT_IMAGE", "IMG_SUFFIX"))

    def test_its_packages_are_those_of_the_quick_image(self):
        lines = (STAGE / "00-packages" / "00-packages-nr").read_text().splitlines()
        names = {line for line in lines if line and not line.startswith("#")}
        self.assertTrue(names)
        self.assertLessEqual(names, set(rootfs.packages()))


class Settings(unittest.TestCase):
    def test_ours_is_the_last_stage(self):
        self.assertEqual("stage0 stage1 stage2 /stage", _sourced(STAGE / "config", "STAGE_LIST", BROKER_STAGE="/stage"))

    def test_no_password_and_no_ssh(self):
        for name, value in (("FIRST_USER_PASS", ""), ("PASSWORDLESS_SUDO", ""), ("ENABLE_SSH", "0"), ("ENABLE_CLOUD_INIT", "0")):
            self.assertEqual(value, _sourced(STAGE / "config", name, BROKER_STAGE="/stage"), name)

    def test_the_build_names_one_commit_of_pi_gen(self):
        self.assertRegex((PROJECT / "image" / "pi-gen").read_text(), r"(?m)^commit=[0-9a-f]{40}$")


class Scripts(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.root = Path(folder.name)

    def test_both_images_install_the_packages_with_the_same_script(self):
        quick = (PROJECT / "image" / "assemble").read_text()
        self.assertIn('SHARED = ("01-broker", "02-boot-files")', quick)
        others = [quick, *(path.read_text() for path in STAGE.rglob("*.sh") if path.parent.name != "01-broker")]
        self.assertEqual([], [text for text in others if re.search(r"dpkg --install|dpkg -i|apt-get install", text)])

    def test_a_missing_package_is_an_error(self):
        done = self._run("01-broker", BROKER_DEBS=str(self.root))
        self.assertNotEqual(0, done.returncode)
        self.assertIn("need one file of each package", done.stderr)

    def test_two_versions_of_a_package_are_an_error(self):
        for name in ("mqtt-broker_1_arm64", "mqtt-broker_2_arm64", "mqtt-broker-provisioner_1_arm64", "mqtt-broker-appliance_1_all"):
            (self.root / f"{name}.deb").touch()
        done = self._run("01-broker", BROKER_DEBS=str(self.root))
        self.assertIn("need one file of each package", done.stderr)

    def test_the_boot_files_come_from_the_package_with_line_ends_for_every_editor(self):
        share, boot = self.root / "usr/share/mqtt-broker", self.root / "boot/firmware"
        share.mkdir(parents=True)
        boot.mkdir(parents=True)
        for name in ("broker.toml", "README.txt"):
            (share / name).write_text("first\nlast\n")
        self.assertEqual(0, self._run("02-boot-files").returncode)
        for name in ("broker.toml", "README.txt"):
            self.assertEqual(b"first\r\nlast\r\n", (boot / name).read_bytes())

    def _run(self, sub_stage, **environment):
        # As pi-gen does: started inside its folder, the root in the environment.
        return subprocess.run([STAGE / sub_stage / "00-run.sh"], cwd=STAGE / sub_stage, capture_output=True, text=True,
                              env={**os.environ, "ROOTFS_DIR": str(self.root), **environment})


def _sourced(file, variable, **environment):
    """The value of a shell variable after a file was sourced."""
    return subprocess.run(["bash", "-euc", f'. "$1"; printf %s "${{{variable}:-}}"', "bash", file], check=True,
                          capture_output=True, text=True, env={**os.environ, **environment}).stdout


if __name__ == "__main__":
    unittest.main()
