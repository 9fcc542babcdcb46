# SPDX-License-Identifier: Apache-2.0 OR MIT
"""Judges the MQTT settings of other programs in the owner's manual: manual_settings.py PROGRAM YAML

The names are those that each program documents; what a program has beyond them the manual does not need.
"""

import sys

import yaml

ESPHOME = {"broker": str, "port": int, "username": str, "password": str, "client_id": str, "keepalive": str,
           "certificate_authority": str, "skip_cert_cn_check": bool, "clean_session": bool}
"""esphome.io/components/mqtt, and CONFIG_SCHEMA in esphome/components/mqtt/__init__.py of esphome/esphome."""
ZIGBEE2MQTT = {"base_topic": str, "server": str, "user": str, "password": str, "client_id": str, "ca": str, "cert": str, "key": str,
               "keepalive": int, "reject_unauthorized": bool, "version": int}
"""zigbee2mqtt.io/guide/configuration/mqtt.html, and lib/util/settings.schema.json of Koenkk/zigbee2mqtt."""
HOME_ASSISTANT_SENSOR = {"name": str, "state_topic": str, "unit_of_measurement": str, "device_class": str, "unique_id": str,
                         "value_template": str, "expire_after": int, "qos": int}
"""home-assistant.io/integrations/sensor.mqtt."""


def judge(settings, names, required):
    """Fails unless every setting has a documented name and kind, and none that is required is missing."""
    for name, value in settings.items():
        assert name in names, f"there is no {name}"
        assert isinstance(value, names[name]), f"{name} is {value!r}"
    assert required <= settings.keys(), f"{required - settings.keys()} are missing"


def main():
    program, text = sys.argv[1:]
    settings = yaml.safe_load(text)
    assert list(settings) == ["mqtt"], settings
    if program == "home-assistant":
        for kind, sensors in settings["mqtt"].items():
            assert kind == "sensor", kind
            for sensor in sensors:
                judge(sensor, HOME_ASSISTANT_SENSOR, {"state_topic"})
    elif program == "zigbee2mqtt":
        judge(settings["mqtt"], ZIGBEE2MQTT, {"base_topic", "server"})
    else:
        judge(settings["mqtt"], ESPHOME, {"broker"})


main()
