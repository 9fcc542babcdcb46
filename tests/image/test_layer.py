# SPDX-License-Identifier: Apache-2.0 OR MIT
"""The layer of rpi-image-gen, by the rules of its format: fields of the header, the body's YAML, and that it installs our packages.

rpi-image-gen's own lint needs a checkout of it; docs/raspios.md tells how that was run.
"""

import re
import subprocess
import sys
import tempfile
import unittest
from pathlib import Path

PROJECT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(PROJECT / "image"))
# PyYAML as the system has it, whichever Python runs this.
sys.path.append("/usr/lib/python3/dist-packages")

import yaml  # noqa: E402

import description  # noqa: E402

PREPARE = PROJECT / "image" / "rpi-image-gen" / "prepare"
FIELDS = re.compile(r"X-Env-(Layer-(Name|Version|Category|Desc|Requires)|VarPrefix|Var-[a-z]+(-(Desc|Required|Valid|Set))?)")
NEEDED = {"X-Env-Layer-Name", "X-Env-Layer-Version", "X-Env-Layer-Category", "X-Env-Layer-Desc", "X-Env-VarPrefix"}


class Layer(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        folder = tempfile.TemporaryDirectory()
        cls.addClassCleanup(folder.cleanup)
        cls.source, debs = Path(folder.name) / "source", Path(folder.name) / "debs"
        debs.mkdir()
        cls.debs = sorted(pattern.replace("*", "1") for pattern in description.DEBS)
        for name in cls.debs:
            (debs / name).touch()
        subprocess.run([PREPARE, cls.source, "--debs", debs], check=True, capture_output=True)
        cls.text = (cls.source / "layer/mqtt-broker-appliance.yaml").read_text()
        cls.body = yaml.safe_load(cls.text)["mmdebstrap"]

    def test_the_header_has_what_a_layer_needs_and_no_field_that_is_unknown(self):
        header = re.search(r"^# METABEGIN\n((?:#.*\n)*?)# METAEND\n---\n", self.text, re.MULTILINE)[1]
        fields = dict(re.findall(r"^# (X-[^:]+): ?(.*)$", header, re.MULTILINE))
        self.assertEqual([], [name for name in fields if not FIELDS.fullmatch(name)])
        self.assertLessEqual(NEEDED, set(fields))
        self.assertEqual("mqtt-broker-appliance", fields["X-Env-Layer-Name"])
        variables = {name for name in fields if re.fullmatch(r"X-Env-Var-[a-z]+", name)}
        self.assertEqual({"X-Env-Var-assets"}, variables)
        for variable in variables:
            self.assertLessEqual({f"{variable}-{part}" for part in ("Desc", "Required", "Valid", "Set")}, set(fields))

    def test_its_packages_are_the_one_list(self):
        self.assertEqual(description.packages_on_raspios(), self.body["packages"])

    def test_it_installs_our_packages_and_no_failure_is_passed_over(self):
        self.assertEqual(self.debs, sorted(path.name for path in (self.source / "layer/mqtt-broker-appliance/debs").iterdir()))
        hooks = self.body["customize-hooks"]
        self.assertIn("dpkg --install", hooks[0])
        for hook in hooks:
            self.assertTrue(hook.startswith("set -eu\n"), hook)
            self.assertNotIn("||", hook)

    def test_its_boot_files_are_those_of_the_other_images(self):
        shared = PROJECT / "pi-gen-stage/02-boot-files/00-run.sh"
        copied = self.source / "layer/mqtt-broker-appliance/boot-files/00-run.sh"
        self.assertEqual(shared.read_text(), copied.read_text())
        self.assertIn("boot-files/00-run.sh", "".join(self.body["customize-hooks"]))

    def test_the_settings_choose_this_layer(self):
        settings = yaml.safe_load((self.source / "config/mqtt-broker-appliance.yaml").read_text())
        self.assertEqual("mqtt-broker-appliance", settings["layer"]["app"])


if __name__ == "__main__":
    unittest.main()
