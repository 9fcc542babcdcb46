# SPDX-License-Identifier: Apache-2.0 OR MIT
"""The programs themselves: how they are linked, and whether they tell what they are made of."""

import json
import re
import subprocess
import sys
import tempfile
import tomllib
import unittest
from importlib.machinery import SourceFileLoader
from pathlib import Path

import container

materials = SourceFileLoader("materials", str(container.PROJECT / "deploy/materials")).load_module()
PROGRAMS = {"mqtt-broker": "broker", "mqtt-broker-provisioner": "broker-provision"}


class Programs(unittest.TestCase):
    """Each program of each architecture, unpacked from its package."""

    @classmethod
    def setUpClass(cls):
        folder = tempfile.TemporaryDirectory(prefix="broker-debs-", dir="/var/tmp")
        cls.addClassCleanup(folder.cleanup)
        cls.crates, cls.unpacked = materials.sources(), []
        for deb in sorted(container.DEBS.glob("mqtt-broker*_*.deb")):
            package = deb.name.split("_")[0]
            if program := PROGRAMS.get(package):
                root = Path(folder.name, deb.stem)
                subprocess.run(["dpkg-deb", "--extract", deb, root], check=True)
                cls.unpacked.append((deb.stem, root / "usr/bin" / program, root / "usr/share/doc" / package))
        assert len({path for _, path, _ in cls.unpacked}) >= 3, "both architectures are needed; run make debs first"

    def linked(self, program):
        """Name and version of every crate in the program."""
        return {(crate["name"], crate["version"]) for crate in materials.linked_crates(program, self.crates).values()}

    def test_they_are_position_independent_with_read_only_relocations_and_no_executable_stack(self):
        for _, program, _ in self.unpacked:
            read = subprocess.run(["readelf", "--wide", "--file-header", "--program-headers", "--dynamic", program],
                                  check=True, capture_output=True, text=True).stdout
            self.assertRegex(read, r"Type: +DYN")
            self.assertRegex(read, r"FLAGS_1\).* PIE")
            self.assertRegex(read, r"FLAGS_1\).* NOW")
            self.assertIn("GNU_RELRO", read)
            self.assertRegex(read, r"GNU_STACK .* RW +0")
            self.assertNotRegex(read, "RPATH|RUNPATH|TEXTREL| RWE ")

    def test_they_need_no_library_but_the_c_librarys(self):
        for _, program, _ in self.unpacked:
            read = subprocess.run(["readelf", "--wide", "--dynamic", program], check=True, capture_output=True, text=True).stdout
            needed = set(re.findall(r"NEEDED\).*\[(.*)\]", read))
            self.assertLessEqual({re.sub(r"\.so.*", "", name) for name in needed}, {"libc", "libgcc_s", "libm", "ld-linux-aarch64", "ld-linux-x86-64"})

    def test_they_tell_which_crates_are_in_them(self):
        lock = tomllib.loads((container.PROJECT / "Cargo.lock").read_text())["package"]
        locked = {(package["name"], package["version"]) for package in lock}
        for _, program, _ in self.unpacked:
            linked = self.linked(program)
            self.assertLessEqual(linked, locked)
            self.assertIn("tokio", {name for name, _ in linked})
            # What only derives code at build time is not in the program.
            self.assertEqual(set(), {"serde_derive", "tokio-macros", "zbus_macros"} & {name for name, _ in linked})

    def test_the_bill_of_materials_names_every_crate_with_its_licence_and_nothing_else(self):
        for _, program, documents in self.unpacked:
            bill = json.loads((documents / "sbom.cdx.json").read_text())
            self.assertEqual(("CycloneDX", "1.6"), (bill["bomFormat"], bill["specVersion"]))
            components = [bill["metadata"]["component"], *bill["components"]]
            named = {(part["name"], part["version"]) for part in components if part["name"] != "rust-std"}
            linked = self.linked(program)
            self.assertEqual(linked, named)
            references = [part["bom-ref"] for part in components]
            self.assertEqual(len(references), len(set(references)))
            for part in components:
                self.assertTrue(part["licenses"][0]["expression"], part["name"])
                self.assertNotIn("/", part["licenses"][0]["expression"])
            for edge in bill["dependencies"]:
                self.assertLessEqual({edge["ref"], *edge["dependsOn"]}, set(references))
            of_others = [part for part in components if "purl" in part]
            self.assertEqual([], [part["name"] for part in of_others if not re.fullmatch("[0-9a-f]{64}", part["hashes"][0]["content"])])
            print(f"\n{program.name}: {len(of_others)} crates of others, {len(components) - len(of_others) - 1} of ours", file=sys.stderr)

    def test_the_list_of_licences_names_every_crate_of_others_and_holds_the_texts(self):
        for _, program, documents in self.unpacked:
            text = (documents / "licenses").read_text()
            for part in json.loads((documents / "sbom.cdx.json").read_text())["components"]:
                if "purl" in part:
                    self.assertIn(f"\n{part['name']} {part['version']}: ", text)
            for words in ("Permission is hereby granted, free of charge", "Apache License"):
                self.assertIn(words, text)
            self.assertNotIn(str(container.PROJECT), text)
            without = re.findall(r"^(\S+) .*no text came with it", text, re.M)
            print(f"\n{program.name}: without a text of its own: {', '.join(without) or 'none'}", file=sys.stderr)


if __name__ == "__main__":
    unittest.main()
