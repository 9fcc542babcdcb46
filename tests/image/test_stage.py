# SPDX-License-Identifier: Apache-2.0 OR MIT
"""The pi-gen stage, judged as pi-gen would use it: shape, syntax, settings, and what its scripts do to a root.

A script that pi-gen does not recognise, or that is not executable, is silently not run.
"""

import os
import re
import shutil
import subprocess
import sys
import tempfile
import unittest
from pathlib import Path

PROJECT = Path(__file__).resolve().parents[2]
sys.path[:0] = [str(PROJECT / "image"), str(PROJECT / "image" / "standins")]

import description  # noqa: E402
import pigen  # noqa: E402
import repository  # noqa: E402
import rootfs  # noqa: E402

STAGE = PROJECT / "pi-gen-stage"
SUB_STAGES = ["01-broker", "02-boot-files", "03-headless", "04-presets"]
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
        self.assertEqual("", _sourced(STAGE / "EXPORT_IMAGE", "IMG_SUFFIX", IMG_SUFFIX="-lite"))
        self.assertEqual("mqtt-broker-appliance-raspios", _sourced(STAGE / "config", "IMG_FILENAME"))

    def test_what_pi_gen_gets_has_the_packages_of_the_quick_image_and_ours(self):
        with tempfile.TemporaryDirectory() as folder:
            debs = [Path(folder) / pattern.replace("*", "1") for pattern in (*description.DEBS, description.KEYRING)]
            for deb in debs:
                deb.touch()
            description.stage(Path(folder) / "stage", Path(folder))
            names = (Path(folder) / "stage/00-packages/00-packages-nr").read_text().split()
            files = sorted(path.name for path in (Path(folder) / "stage/01-broker/files").iterdir())
        self.assertEqual(sorted(set(rootfs.packages()) - {"linux-image-arm64", "raspi-firmware"}), sorted(names))
        self.assertEqual(sorted(deb.name for deb in debs), files)


class Settings(unittest.TestCase):
    def test_no_known_password_and_no_ssh(self):
        for name, value in (("FIRST_USER_PASS", ""), ("PASSWORDLESS_SUDO", ""), ("ENABLE_SSH", "0"), ("ENABLE_CLOUD_INIT", "0")):
            self.assertEqual(value, _sourced(STAGE / "config", name), name)

    def test_no_folder_of_the_machine_that_builds_is_told_on_the_card(self):
        self.assertEqual("pi-gen", _sourced(STAGE / "config", "PI_GEN", PI_GEN="/somewhere/pi-gen"))

    def test_the_build_names_one_commit_of_pi_gen(self):
        self.assertRegex(pigen.pin()["commit"], r"^[0-9a-f]{40}$")


class Presets(unittest.TestCase):
    def test_every_unit_of_ours_that_can_be_enabled_is_named(self):
        named = (PROJECT / "deploy/appliance/usr/lib/systemd/system-preset/60-mqtt-broker.preset").read_text().split()
        units = [path.name for path in (PROJECT / "deploy").glob("*/usr/lib/systemd/system/*") if path.is_file() and "[Install]" in path.read_text()]
        self.assertIn("broker.service", units)
        self.assertEqual([], [unit for unit in units if unit not in named])


class Scripts(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.root = Path(folder.name)

    def test_both_images_install_the_packages_with_the_same_script(self):
        quick = (PROJECT / "image" / "assembly.py").read_text()
        self.assertIn('SHARED = ("01-broker", "02-boot-files", "04-presets")', quick)
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
        (share / "MANUAL.html").write_text("a page\n")
        self.assertEqual(0, self._run("02-boot-files").returncode)
        for name in ("broker.toml", "README.txt"):
            self.assertEqual(b"first\r\nlast\r\n", (boot / name).read_bytes())
        self.assertEqual(b"a page\n", (boot / "MANUAL.html").read_bytes())

    def test_both_images_mount_the_boot_partition_for_root_alone_and_start_without_it(self):
        table = self.root / "etc/fstab"
        table.parent.mkdir()
        table.write_text("proc /proc proc defaults 0 0\nBOOTDEV  /boot/firmware  vfat    defaults  0  2\n"
                         "ROOTDEV  /  ext4  defaults,noatime  0  1\n")
        self.assertEqual(0, self._run("02-boot-files", "01-run.sh").returncode)
        lines = {line.split()[1]: line.split() for line in table.read_text().splitlines()}
        self.assertEqual(["BOOTDEV", "/boot/firmware", "vfat", "noatime,umask=0077,flush,nofail", "0", "2"], lines["/boot/firmware"])
        self.assertEqual(["ROOTDEV", "/", "ext4", "noatime,errors=remount-ro,x-systemd.growfs", "0", "1"], lines["/"])
        self.assertEqual(["proc", "/proc", "proc", "defaults", "0", "0"], lines["/proc"])

    def test_a_table_without_the_boot_partition_is_an_error(self):
        (self.root / "etc").mkdir()
        (self.root / "etc/fstab").write_text("ROOTDEV / ext4 defaults 0 1\n")
        self.assertIn("no line for /boot/firmware", self._run("02-boot-files", "01-run.sh").stderr)

    def _run(self, sub_stage, script="00-run.sh", **environment):
        # As pi-gen does: started inside its folder, the root in the environment.
        return subprocess.run([STAGE / sub_stage / script], cwd=STAGE / sub_stage, capture_output=True, text=True,
                              env={**os.environ, "ROOTFS_DIR": str(self.root), **environment})


class OnARoot(unittest.TestCase):
    """The sub-stage that adapts Raspberry Pi OS, on a Debian of arm64 with stand-ins of what it has to deal with."""

    STAND_INS = ("raspberrypi-sys-mods", "userconf-pi", "rpi-cloud-init-mods", "rpi-connect-lite", "linux-headers-rpi-v8")

    @classmethod
    def setUpClass(cls):
        folder = tempfile.TemporaryDirectory(prefix="broker-stage-", dir="/var/tmp")
        cls.addClassCleanup(folder.cleanup)
        cls.root = Path(folder.name) / "root"
        cls.root.mkdir()
        subprocess.run(["tar", "--extract", "--file", rootfs.base_tarball(), "--zstd", "--numeric-owner", "--directory", cls.root], check=True)
        repository.build(Path(folder.name) / "debs")
        shutil.copytree(Path(folder.name) / "debs", cls.root / "var/cache/debs")
        cls._inside("dpkg --install $(printf '/var/cache/debs/%s.deb ' \"$@\") && rm -r /var/cache/debs && "
                    "useradd --create-home --groups sudo appliance && echo appliance:secret | chpasswd && dpkg --add-architecture armhf && "
                    "systemctl enable userconfig sshswitch rpi-resize", *cls.STAND_INS)
        (cls.root / "boot/firmware/cmdline.txt").write_text("console=tty1 root=ROOTDEV rootwait resize\n")
        # As pi-gen does: started inside its folder, with its functions and settings in the environment.
        cls.done = subprocess.run(["bash", "-euc", 'log() { echo "$*"; }; export -f log; cd "$1"; ./00-run.sh', "bash", STAGE / "03-headless"],
                                  stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False,
                                  env={**os.environ, "ROOTFS_DIR": str(cls.root), "FIRST_USER_NAME": "appliance"})

    def test_it_comes_to_its_end(self):
        self.assertEqual(0, self.done.returncode, self.done.stdout + self.done.stderr)

    def test_what_an_appliance_does_without_is_gone_and_the_rest_stays(self):
        installed = self._inside("dpkg-query --show --showformat '${Package} ${db:Status-Abbrev}\\n'").splitlines()
        names = {line.split()[0] for line in installed if line.split()[1] == "ii"}
        self.assertEqual({"raspberrypi-sys-mods"}, names & set(self.STAND_INS))
        self.assertLessEqual(set(rootfs.packages()), names)

    def test_no_second_program_asks_grows_or_opens_anything(self):
        units = self.root / "etc/systemd/system"
        for name in ("userconfig", "systemd-firstboot", "sshswitch", "rpi-resize"):
            self.assertEqual("/dev/null", os.readlink(units / f"{name}.service"), name)
        self.assertEqual("console=tty1 root=ROOTDEV rootwait\n", (self.root / "boot/firmware/cmdline.txt").read_text())

    def test_the_first_user_can_do_nothing(self):
        hashed = dict(line.split(":")[:2] for line in (self.root / "etc/shadow").read_text().splitlines())
        self.assertEqual(("*", "*"), (hashed["root"], hashed["appliance"]))
        account = next(line for line in (self.root / "etc/passwd").read_text().splitlines() if line.startswith("appliance:"))
        self.assertTrue(account.endswith(":/usr/sbin/nologin"), account)
        self.assertNotIn("appliance", self._inside("getent group sudo"))

    def test_apt_asks_for_one_architecture(self):
        self.assertEqual("", self._inside("dpkg --print-foreign-architectures"))

    def test_presets_leave_on_only_what_they_name_and_a_first_start_changes_nothing(self):
        presets = "usr/lib/systemd/system-preset"
        shutil.copytree(PROJECT / "deploy/appliance" / presets, self.root / presets, dirs_exist_ok=True)
        subprocess.run([STAGE / "04-presets/00-run.sh"], check=True, capture_output=True, env={**os.environ, "ROOTFS_DIR": str(self.root)})
        named = {line.split()[1] for line in (self.root / presets / "60-mqtt-broker.preset").read_text().splitlines() if line.startswith("enable")}
        before = self._wanted()
        self.assertLessEqual({path.rsplit("/", 1)[1].replace("@tty1", "@") for path in before}, named)
        subprocess.run(["systemctl", f"--root={self.root}", "preset-all", "--preset-mode=enable-only"], check=True, capture_output=True)
        self.assertEqual(before, self._wanted())

    def _wanted(self):
        return sorted(str(path.relative_to(self.root)) for path in (self.root / "etc/systemd/system").glob("*.wants/*"))

    @classmethod
    def _inside(cls, command, *arguments):
        return subprocess.run([STAGE / "in-root", cls.root, "sh", "-euc", command, "sh", *arguments], check=True, capture_output=True,
                              text=True, stdin=subprocess.DEVNULL).stdout


def _sourced(file, variable, **environment):
    """The value of a shell variable after a file was sourced."""
    return subprocess.run(["bash", "-euc", f'. "$1"; printf %s "${{{variable}:-}}"', "bash", file], check=True,
                          capture_output=True, text=True, env={**os.environ, **environment}).stdout


if __name__ == "__main__":
    unittest.main()
