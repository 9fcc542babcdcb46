# SPDX-License-Identifier: Apache-2.0 OR MIT
"""The cases of the matrix with paho-mqtt, the client of most home-grown devices; see cases.py."""

import itertools
import queue

import paho.mqtt.client as paho
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties
from paho.mqtt.subscribeoptions import SubscribeOptions

from cases import FIVE, HOST, PASSWORD, PATIENCE, PORT, TRANSPORT, USER, VERSION, check, report_all

PROTOCOL = {"3.1": paho.MQTTv31, "3.1.1": paho.MQTTv311, "5.0": paho.MQTTv5}[VERSION]
TOP = f"paho/{TRANSPORT}/{VERSION}"
NUMBERS = itertools.count()


class Device:
    """A client whose callbacks become events in a queue."""

    def __init__(self, name=None, clean=True, will=None, user=USER, password=PASSWORD, accepted=True):
        self.events = queue.Queue()
        self.client = paho.Client(
            paho.CallbackAPIVersion.VERSION2,
            client_id=name or f"p{next(NUMBERS)}{TRANSPORT[0]}{VERSION}",
            protocol=PROTOCOL,
            transport=TRANSPORT,
            reconnect_on_failure=False,
            **({} if FIVE else {"clean_session": clean}),
        )
        self.client.username_pw_set(user, password)
        if will:
            self.client.will_set(*will, qos=1)
        put = self.events.put
        self.client.on_connect = lambda _c, _u, flags, code, _p: put(("connect", code, flags.session_present))
        self.client.on_disconnect = lambda _c, _u, _f, code, _p: put(("disconnect", code))
        self.client.on_subscribe = lambda _c, _u, _id, codes, _p: put(("subscribe", [c.value for c in codes]))
        self.client.on_publish = lambda _c, _u, _id, code, props: put(("publish", code, props))
        self.client.on_message = lambda _c, _u, message: put(("message", message))
        options = {}
        if FIVE:
            expiry = Properties(PacketTypes.CONNECT)
            expiry.SessionExpiryInterval = 0 if clean else 600
            options = {"clean_start": clean, "properties": expiry}
        self.client.connect(HOST, PORT or 1883, keepalive=30, **options)
        self.client.loop_start()
        _, code, self.session_present = self.expect("connect")
        check(code.is_failure != accepted, f"connected: {code}")

    def expect(self, kind):
        """The next event, which must be of this kind."""
        event = self.events.get(timeout=PATIENCE)
        check(event[0] == kind, f"expected {kind}, got {event}")
        return event

    def subscribe(self, topic, qos, identifier=None, **options):
        properties = None
        if identifier:
            properties = Properties(PacketTypes.SUBSCRIBE)
            properties.SubscriptionIdentifier = identifier
        if FIVE:
            self.client.subscribe(topic, options=SubscribeOptions(qos=qos, **options), properties=properties)
        else:
            self.client.subscribe(topic, qos)
        check(self.expect("subscribe")[1] == [qos], "granted as asked for")
        return self

    def publish(self, topic, payload, qos, retain=False, properties=None):
        self.client.publish(topic, payload, qos, retain, properties)
        check(not self.expect("publish")[1].is_failure, "published")

    def message(self, topic, payload, qos, retain=False):
        message = self.expect("message")[1]
        got = (message.topic, message.payload.decode(), message.qos, message.retain)
        check(got == (topic, payload, qos, retain), f"message {str(got)[:200]}")
        return message

    def leave(self):
        self.client.disconnect()
        self.client.loop_stop()

    def vanish(self):
        """Cuts the connection without DISCONNECT."""
        self.client.loop_stop()
        self.client.socket().close()


def publish_properties(**values):
    properties = Properties(PacketTypes.PUBLISH)
    for name, value in values.items():
        setattr(properties, name, value)
    return properties


def round_trip():
    listener, speaker = Device().subscribe(f"{TOP}/rt", 2), Device()
    for qos in (0, 1, 2):
        for payload in ("hello", "", "ü€"):
            speaker.publish(f"{TOP}/rt", payload, qos)
            listener.message(f"{TOP}/rt", payload, qos)
    listener.leave(), speaker.leave()


def wildcards():
    listener, speaker = Device().subscribe(f"{TOP}/w/+/temperature", 1).subscribe(f"{TOP}/all/#", 1), Device()
    for topic, heard in (("w/hall/temperature", True), ("w/hall/light", False), ("all", True), ("all/a/b", True)):
        speaker.publish(f"{TOP}/{topic}", "x", 1)
        if heard:
            listener.message(f"{TOP}/{topic}", "x", 1)
    listener.leave(), speaker.leave()


def order():
    listener, speaker = Device().subscribe(f"{TOP}/order", 2), Device()
    for number in range(200):
        speaker.client.publish(f"{TOP}/order", str(number), 1)
    for number in range(200):
        listener.message(f"{TOP}/order", str(number), 1)
    listener.leave(), speaker.leave()


def large_message():
    listener, speaker = Device().subscribe(f"{TOP}/large", 1), Device()
    speaker.publish(f"{TOP}/large", "x" * 1_000_000, 1)
    listener.message(f"{TOP}/large", "x" * 1_000_000, 1)
    listener.leave(), speaker.leave()


def retained():
    speaker = Device()
    for state in ("on", "off"):
        speaker.publish(f"{TOP}/kept", state, 1, retain=True)
    late = Device().subscribe(f"{TOP}/kept", 1)
    late.message(f"{TOP}/kept", "off", 1, retain=True)
    speaker.publish(f"{TOP}/kept", "", 1, retain=True)
    late.message(f"{TOP}/kept", "", 1)
    last = Device().subscribe(f"{TOP}/kept", 1)
    speaker.publish(f"{TOP}/kept", "live", 1)
    last.message(f"{TOP}/kept", "live", 1)
    speaker.leave(), late.leave(), last.leave()


def will():
    watcher = Device().subscribe(f"{TOP}/gone", 1)
    Device(will=(f"{TOP}/gone", "lost")).vanish()
    watcher.message(f"{TOP}/gone", "lost", 1)
    watcher.leave()


def session():
    name = f"sleeper{TRANSPORT[0]}{VERSION}"
    sleeper = Device(name, clean=False)
    check(not sleeper.session_present, "no session yet")
    sleeper.subscribe(f"{TOP}/night", 2).leave()
    speaker = Device()
    for number in range(10):
        speaker.publish(f"{TOP}/night", str(number), 2)
    sleeper = Device(name, clean=False)
    # CONNACK of MQTT 3.1 has no such flag.
    check(sleeper.session_present or VERSION == "3.1", "the session was kept")
    for number in range(10):
        sleeper.message(f"{TOP}/night", str(number), 2)
    sleeper.leave(), speaker.leave()


def refused_login():
    Device(user=f"p-nobody{TRANSPORT[0]}{VERSION}", password="wrong", accepted=False)


def takeover():
    name = f"twin{TRANSPORT[0]}{VERSION}"
    first, second = Device(name), Device(name)
    code = first.expect("disconnect")[1]
    check(not FIVE or code.value == 0x8E, f"told {code}")
    second.leave()


def shared_subscription():
    members, speaker = [Device().subscribe(f"$share/group/{TOP}/job", 1) for _ in range(2)], Device()
    for number in range(20):
        speaker.publish(f"{TOP}/job", str(number), 1)
    got = [{member.expect("message")[1].payload for _ in range(10)} for member in members]
    check(len(got[0] | got[1]) == 20, "each message once")
    speaker.leave(), members[0].leave(), members[1].leave()


def properties():
    watcher, speaker = Device().subscribe(f"{TOP}/request", 1), Device()
    sent = publish_properties(
        ContentType="text/plain",
        PayloadFormatIndicator=1,
        ResponseTopic="answer",
        CorrelationData=b"42",
        UserProperty=[("k", "v"), ("k", "w"), ("a", "")],
    )
    speaker.publish(f"{TOP}/request", "x", 1, properties=sent)
    got = watcher.message(f"{TOP}/request", "x", 1).properties
    for field in ("ContentType", "PayloadFormatIndicator", "ResponseTopic", "CorrelationData", "UserProperty"):
        check(getattr(got, field) == getattr(sent, field), f"{field} {getattr(got, field)}")
    watcher.leave(), speaker.leave()


def request_and_response():
    server, client = Device().subscribe(f"{TOP}/service", 1), Device().subscribe(f"{TOP}/answer", 1)
    asked = publish_properties(ResponseTopic=f"{TOP}/answer", CorrelationData=b"7")
    client.publish(f"{TOP}/service", "?", 1, properties=asked)
    request = server.message(f"{TOP}/service", "?", 1).properties
    answer = publish_properties(CorrelationData=request.CorrelationData)
    server.publish(request.ResponseTopic, "!", 1, properties=answer)
    check(client.message(f"{TOP}/answer", "!", 1).properties.CorrelationData == b"7", "the same correlation data")
    server.leave(), client.leave()


def message_expiry():
    speaker = Device()
    speaker.publish(f"{TOP}/fresh", "x", 1, True, publish_properties(MessageExpiryInterval=1000))
    late = Device().subscribe(f"{TOP}/fresh", 1)
    left = late.message(f"{TOP}/fresh", "x", 1, retain=True).properties.MessageExpiryInterval
    check(0 < left <= 1000, f"{left} s are left")
    speaker.publish(f"{TOP}/fresh", "", 1, retain=True)
    speaker.leave(), late.leave()


def topic_alias():
    listener, speaker = Device().subscribe(f"{TOP}/aliased", 1), Device()
    for topic in (f"{TOP}/aliased", "", ""):
        speaker.publish(topic, "x", 1, properties=publish_properties(TopicAlias=3))
        listener.message(f"{TOP}/aliased", "x", 1)
    listener.leave(), speaker.leave()


def subscription_identifier():
    listener, speaker = Device().subscribe(f"{TOP}/id/+", 1, identifier=7), Device()
    listener.subscribe(f"{TOP}/id/a", 1, identifier=268_435_455)
    speaker.publish(f"{TOP}/id/a", "x", 1)
    got = listener.message(f"{TOP}/id/a", "x", 1).properties.SubscriptionIdentifier
    check(sorted(got) == [7, 268_435_455], f"identifiers {got}")
    listener.leave(), speaker.leave()


def no_local():
    both = Device().subscribe(f"{TOP}/own", 1, noLocal=True).subscribe(f"{TOP}/other", 1)
    both.client.publish(f"{TOP}/own", "x", 0)
    both.expect("publish")
    both.client.publish(f"{TOP}/other", "y", 0)
    both.expect("publish")
    both.message(f"{TOP}/other", "y", 0)
    both.leave()


def refused_publish():
    speaker = Device()
    speaker.client.publish("$SYS/broker/version", "mine", 1)
    _, code, props = speaker.expect("publish")
    check(code.value == 0x87 and " " in props.ReasonString, f"told {code} {props}")
    speaker.leave()


report_all(globals())
