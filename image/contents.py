# SPDX-License-Identifier: Apache-2.0 OR MIT
"""What an image is made of, read from its root file system: the list of packages, and the bill of materials (CycloneDX).

The bill is debsbom's, of Debian's packages with versions, suppliers and licences, with the crates inside our programs added from
the bills that our packages carry.
"""

import json
import os
import subprocess
import uuid
from datetime import UTC, datetime
from pathlib import Path

import card
import host

TOOL = host.PROJECT / "target" / "tools" / "debsbom"
REQUIREMENTS = host.PROJECT / "deploy" / "release" / "requirements.txt"
_READ = ("/etc", "/var/lib/dpkg", "/var/lib/apt", "/usr/share/doc")
"""What the two need of a root file system."""


def need_tool():
    """Fetches debsbom from PyPI into target/tools, by its hash, unless it is there."""
    stamp = TOOL / "requirements.txt"
    if stamp.exists() and stamp.read_text() == REQUIREMENTS.read_text():
        return
    host.need("a bill of materials", "pip3=python3-pip")
    done = subprocess.run(["python3", "-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--require-hashes", "--no-deps",
                           "--only-binary=:all:", "--upgrade", "--target", TOOL, "-r", REQUIREMENTS], capture_output=True, text=True)
    if done.returncode:
        host.fail(f"debsbom, which makes the bill of materials, cannot be had from PyPI:\n{done.stderr.strip()}")
    stamp.write_text(REQUIREMENTS.read_text())


def read(image, folder):
    """Copies out of an image what the functions below look at."""
    for path in _READ:
        place = folder / path.lstrip("/")
        place.parent.mkdir(parents=True, exist_ok=True)
        subprocess.run(["debugfs", "-R", f"rdump {path} {place.parent}", f"{image}?offset={card.root(image).offset}"],
                       check=True, capture_output=True)


def kind(root):
    """Which system it is, as in imager.TAGS."""
    return "raspios" if (root / "etc" / "rpi-issue").exists() else "debian"


def is_for_tests(root):
    """Whether it says of itself that it was built with stand-ins (image/raspios)."""
    issue = root / "etc" / "rpi-issue"
    return issue.exists() and "TEST IMAGE" in issue.read_text()


def package_list(root):
    """One line for each installed package: name, version, architecture."""
    listing = subprocess.run(["dpkg-query", f"--admindir={root}/var/lib/dpkg", "--show", "--showformat",
                              "${db:Status-Abbrev} ${Package} ${Version} ${Architecture}\\n"], check=True, capture_output=True, text=True).stdout
    return "".join(sorted(f"{line[3:].strip()}\n" for line in listing.splitlines() if line.startswith("ii")))


def bill(root, version, date, output):
    """Writes the bill of materials; it is the same for the same packages."""
    identity = uuid.uuid5(uuid.NAMESPACE_OID, package_list(root) + version)
    time = datetime.fromtimestamp(date, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    subprocess.run(["python3", TOOL / "bin" / "debsbom", "generate", "--sbom-type", "cdx", "--root", root, "--base-distro-vendor", "debian",
                    "--distro-name", "mqtt-broker-appliance", "--distro-supplier", "MQTT broker appliance maintainers",
                    "--distro-version", version, "--distro-arch", "arm64", "--with-licenses", "--timestamp", time,
                    "--cdx-serialnumber", str(identity), "--out", output], check=True, capture_output=True,
                   env={**os.environ, "PYTHONPATH": str(TOOL), "PYTHONHASHSEED": "0"})
    whole = json.loads(Path(output).read_text())
    for own in sorted((root / "usr/share/doc").glob("mqtt-broker*/sbom.cdx.json")):
        _add(whole, own.parent.name, json.loads(own.read_text()))
    Path(output).write_text(json.dumps(whole, indent=1) + "\n")


def _add(whole, package, part):
    """Hangs the bill of a program below the component of its package."""
    component = next(item for item in whole["components"] if item["name"] == package and item.get("purl", "").startswith("pkg:deb/")
                     and "arch=source" not in item["purl"])
    # The two programs share crates, and a reference stands for one thing.
    names = {item["bom-ref"]: f"{package}/{item['bom-ref']}" for item in [part["metadata"]["component"], *part["components"]]}
    for item in [part["metadata"]["component"], *part["components"]]:
        whole["components"].append({**item, "bom-ref": names[item["bom-ref"]]})
    whole["dependencies"] += [{"ref": names[edge["ref"]], "dependsOn": [names[other] for other in edge["dependsOn"]]}
                              for edge in part["dependencies"]]
    program = names[part["metadata"]["component"]["bom-ref"]]
    edge = next((edge for edge in whole["dependencies"] if edge["ref"] == component["bom-ref"]), None)
    if edge is None:
        edge = {"ref": component["bom-ref"], "dependsOn": []}
        whole["dependencies"].append(edge)
    edge["dependsOn"] = sorted([*edge.get("dependsOn", []), program])
