# SPDX-License-Identifier: Apache-2.0 OR MIT
"""Round trips with paho-mqtt: every version and quality of service, retained, will, session, v5 properties.

Usage: paho_rounds.py tcp|websockets PORT USER PASSWORD; exits with 1 and a sentence at the first fault.
"""

import queue
import sys

import paho.mqtt.client as paho
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties
from paho.mqtt.subscribeoptions import SubscribeOptions

TRANSPORT, PORT, USER, PASSWORD = sys.argv[1], int(sys.argv[2]), sys.argv[3], sys.argv[4]
PATIENCE = 60
VERSIONS = {"3.1": paho.MQTTv31, "3.1.1": paho.MQTTv311, "5": paho.MQTTv5}


class Device:
    """A client whose callbacks become events in a queue."""

    def __init__(self, name, version, clean=True, will=None):
        self.version = version
        self.events = queue.Queue()
        arguments = {} if version == paho.MQTTv5 else {"clean_session": clean}
        self.client = paho.Client(
            paho.CallbackAPIVersion.VERSION2, client_id=name, protocol=version, transport=TRANSPORT, **arguments
        )
        self.client.username_pw_set(USER, PASSWORD)
        if will:
            self.client.will_set(*will, qos=1)
        put = self.events.put
        self.client.on_connect = lambda _c, _u, flags, code, _p: put(("connect", str(code), flags.session_present))
        self.client.on_subscribe = lambda _c, _u, _id, codes, _p: put(("subscribe", [c.value for c in codes]))
        self.client.on_publish = lambda _c, _u, _id, code, _p: put(("publish", code.is_failure))
        self.client.on_message = lambda _c, _u, message: put(("message", message))
        options = {}
        if version == paho.MQTTv5:
            expiry = Properties(PacketTypes.CONNECT)
            expiry.SessionExpiryInterval = 0 if clean else 600
            options = {"clean_start": clean, "properties": expiry}
        self.client.connect("127.0.0.1", PORT, keepalive=30, **options)
        self.client.loop_start()
        event = self.expect("connect")
        check(event[1] == "Success", f"connected: {event[1]}")
        self.session_present = event[2]

    def expect(self, kind):
        event = self.events.get(timeout=PATIENCE)
        check(event[0] == kind, f"expected {kind}, got {event}")
        return event

    def subscribe(self, topic, qos):
        if self.version == paho.MQTTv5:
            self.client.subscribe(topic, options=SubscribeOptions(qos=qos))
        else:
            self.client.subscribe(topic, qos)
        check(self.expect("subscribe")[1] == [qos], "granted as asked for")

    def publish(self, topic, payload, qos, retain=False, properties=None):
        self.client.publish(topic, payload, qos, retain, properties)
        check(not self.expect("publish")[1], "published")

    def message(self, topic, payload, qos, retain=False):
        message = self.expect("message")[1]
        got = (message.topic, message.payload.decode(), message.qos, message.retain)
        check(got == (topic, payload, qos, retain), f"message {got}")
        return message

    def leave(self):
        self.client.disconnect()
        self.client.loop_stop()

    def vanish(self):
        """Cuts the connection without DISCONNECT."""
        self.client.loop_stop()
        self.client.socket().close()


def check(fact, what):
    if not fact:
        sys.exit(f"{TRANSPORT}: {what}")


def rounds(name, version):
    watcher = Device(f"watcher {name}", version)
    watcher.subscribe(f"{name}/#", 2)
    will = (f"{name}/gone", "lost")
    speaker = Device(f"speaker {name}", version, will=will)
    for qos in (0, 1, 2):
        speaker.publish(f"{name}/x", f"quality {qos}", qos)
        watcher.message(f"{name}/x", f"quality {qos}", qos)
    speaker.publish(f"{name}/large", "x" * 200_000, 1)
    watcher.message(f"{name}/large", "x" * 200_000, 1)
    speaker.publish(f"{name}/kept", "state", 1, retain=True)
    watcher.message(f"{name}/kept", "state", 1)
    late = Device(f"late {name}", version)
    late.subscribe(f"{name}/kept", 1)
    late.message(f"{name}/kept", "state", 1, retain=True)
    speaker.vanish()
    watcher.message(f"{name}/gone", "lost", 1)
    late.leave()
    watcher.leave()


def session(name, version):
    sleeper = Device(f"sleeper {name}", version, clean=False)
    check(not sleeper.session_present, "no session yet")
    sleeper.subscribe(f"night/{name}", 2)
    sleeper.leave()
    speaker = Device(f"night speaker {name}", version)
    for n in range(10):
        speaker.publish(f"night/{name}", str(n), 2)
    sleeper = Device(f"sleeper {name}", version, clean=False)
    # CONNACK of MQTT 3.1 has no such flag.
    check(sleeper.session_present or version == paho.MQTTv31, "the session was kept")
    for n in range(10):
        sleeper.message(f"night/{name}", str(n), 2)
    sleeper.leave()
    speaker.leave()


def properties():
    watcher = Device("properties watcher", paho.MQTTv5)
    watcher.subscribe("request", 1)
    speaker = Device("properties speaker", paho.MQTTv5)
    sent = Properties(PacketTypes.PUBLISH)
    sent.ContentType = "text/plain"
    sent.ResponseTopic = "answer"
    sent.CorrelationData = b"42"
    sent.UserProperty = [("k", "v")]
    speaker.publish("request", "x", 1, properties=sent)
    got = watcher.message("request", "x", 1).properties
    for field in ("ContentType", "ResponseTopic", "CorrelationData", "UserProperty"):
        check(getattr(got, field) == getattr(sent, field), f"{field} {getattr(got, field)}")
    watcher.leave()
    speaker.leave()


for label, number in VERSIONS.items():
    rounds(f"{TRANSPORT} {label}", number)
    session(f"{TRANSPORT} {label}", number)
properties()
