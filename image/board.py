# SPDX-License-Identifier: Apache-2.0 OR MIT
"""The device tree of QEMU's `virt` with one thing more: an LED named ACT, as a Pi has it, on a pin of the board's GPIO."""

import re
import subprocess

LED = """\
	leds {{
		compatible = "gpio-leds";
		act {{
			label = "ACT";
			gpios = <{gpio} 4 0>;
			linux,default-trigger = "heartbeat";
		}};
	}};

"""
"""Pin 4 is a free one. The trigger is the one that Debian's kernel gives a Pi's."""


def with_led(machine, folder):
    """Writes the tree of the emulated `machine` with two serial ports, a beginning of QEMU's command line, into `folder`;
    gives its path."""
    dumped, changed = folder / "virt.dtb", folder / "led.dtb"
    board = [f"virt,dumpdtb={dumped}" if word == "virt" else word for word in machine]
    subprocess.run([*board, "-serial", "null", "-serial", "null"], check=True, capture_output=True)
    text = subprocess.run(["dtc", "-q", "-I", "dtb", "-O", "dts", dumped], check=True, capture_output=True, text=True).stdout
    controller = re.search(r"^\tpl061@.*?phandle = <(0x[0-9a-f]+)>", text, re.MULTILINE | re.DOTALL)
    text = text[:controller.start()] + LED.format(gpio=controller[1]) + text[controller.start():]
    subprocess.run(["dtc", "-q", "-I", "dts", "-O", "dtb", "-o", changed], check=True, input=text, text=True)
    return changed
