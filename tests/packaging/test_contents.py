# SPDX-License-Identifier: Apache-2.0 OR MIT
"""What is in the packages, and what is not."""

import subprocess
import unittest

import container

OF_DEBIAN = ("usr/share/doc/",)
"""Where files come from the build instead of a package's folder in deploy/."""
GENERATED = {"usr/bin/broker", "usr/bin/broker-provision", "usr/share/mqtt-broker/MANUAL.html"}
NOT_INSTALLED = {"DEBIAN", "maintainer"}


class Contents(unittest.TestCase):
    def test_lintian_finds_no_error(self):
        for deb in container.DEBS.glob("*.deb"):
            with self.subTest(deb.name):
                done = subprocess.run(["lintian", "--allow-root", "--fail-on", "error", deb], capture_output=True, text=True)
                self.assertEqual(0, done.returncode, done.stdout + done.stderr)

    def test_both_programs_are_built_for_the_pi(self):
        for name in ("mqtt-broker", "mqtt-broker-provisioner"):
            with self.subTest(name):
                self.assertEqual(1, len(list(container.DEBS.glob(f"{name}_*_arm64.deb"))))

    def test_the_packages_hold_exactly_what_deploy_shows(self):
        shown = set()
        for folder in ("broker", "provisioner", "appliance"):
            top = container.PROJECT / "deploy" / folder
            files = (path.relative_to(top) for path in top.rglob("*") if not path.is_dir() or path.is_symlink())
            shown |= {str(path) for path in files if path.parts[0] not in NOT_INSTALLED}
        names = (name for deb in container.packages() for name in _files(deb) if not name.startswith(OF_DEBIAN))
        shipped = {name.removesuffix(".gz") for name in names}
        self.assertEqual(shown, shipped - GENERATED)

    def test_nothing_is_under_etc_where_dpkg_would_guard_it_against_the_provisioner(self):
        for deb in container.packages():
            self.assertEqual([], [name for name in _files(deb) if name.startswith("etc/")])

    def test_every_file_belongs_to_root_and_is_writable_by_root_alone(self):
        for deb in container.packages():
            for mode, owner, name in _entries(deb):
                with self.subTest(name):
                    self.assertIn(owner, ("root/root", "0/0"))
                    self.assertIn(mode, ("drwxr-xr-x", "-rwxr-xr-x", "-rw-r--r--", "lrwxrwxrwx"))

    def test_a_program_names_no_folder_of_the_machine_that_built_it(self):
        for deb in container.packages():
            tree = subprocess.run(["dpkg-deb", "--fsys-tarfile", deb], check=True, capture_output=True).stdout
            self.assertNotIn(str(container.PROJECT).encode() + b"/", tree)
            self.assertNotIn(b"/.cargo/registry", tree)


def _files(deb):
    return [name for mode, _, name in _entries(deb) if not mode.startswith("d")]


def _entries(deb):
    """Mode, owner and path of everything in a package."""
    listing = subprocess.run(["dpkg-deb", "--contents", deb], check=True, capture_output=True, text=True).stdout
    for line in listing.splitlines():
        mode, owner, _, _, _, name = line.split(maxsplit=5)
        yield mode, owner, name.split(" -> ")[0].removeprefix("./")


if __name__ == "__main__":
    unittest.main()
