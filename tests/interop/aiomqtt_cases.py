# SPDX-License-Identifier: Apache-2.0 OR MIT
"""The cases of the matrix with aiomqtt, the client of asyncio programs such as Home Assistant's; see cases.py."""

import asyncio
import itertools

import aiomqtt
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties
from paho.mqtt.subscribeoptions import SubscribeOptions

from cases import FIVE, HOST, PASSWORD, PATIENCE, PORT, TRANSPORT, USER, VERSION, Cannot, check, report_all

PROTOCOL = {
    "3.1": aiomqtt.ProtocolVersion.V31,
    "3.1.1": aiomqtt.ProtocolVersion.V311,
    "5.0": aiomqtt.ProtocolVersion.V5,
}[VERSION]
TOP = f"aiomqtt/{TRANSPORT}/{VERSION}"
NUMBERS = itertools.count()


def device(name=None, clean=True, will=None, user=USER, password=PASSWORD):
    """A client that is not connected yet."""
    options = {"clean_session": clean}
    if FIVE:
        expiry = Properties(PacketTypes.CONNECT)
        expiry.SessionExpiryInterval = 0 if clean else 600
        options = {"clean_start": clean, "properties": expiry}
    return aiomqtt.Client(
        HOST,
        PORT or 1883,
        username=user,
        password=password,
        identifier=name or f"a{next(NUMBERS)}{TRANSPORT[0]}{VERSION}",
        protocol=PROTOCOL,
        transport=TRANSPORT,
        will=will,
        timeout=PATIENCE,
        **options,
    )


async def take(client, topic, payload, qos, retain=False):
    message = await asyncio.wait_for(anext(client.messages), PATIENCE)
    got = (str(message.topic), message.payload.decode(), message.qos, message.retain)
    check(got == (topic, payload, qos, retain), f"message {str(got)[:200]}")
    return message


def publish_properties(**values):
    properties = Properties(PacketTypes.PUBLISH)
    for name, value in values.items():
        setattr(properties, name, value)
    return properties


async def round_trip():
    async with device() as listener, device() as speaker:
        await listener.subscribe(f"{TOP}/rt", qos=2)
        for qos in (0, 1, 2):
            for payload in ("hello", "", "ü€"):
                await speaker.publish(f"{TOP}/rt", payload, qos=qos)
                await take(listener, f"{TOP}/rt", payload, qos)


async def wildcards():
    async with device() as listener, device() as speaker:
        await listener.subscribe([(f"{TOP}/w/+/temperature", 1), (f"{TOP}/all/#", 1)])
        for topic, heard in (("w/a/temperature", True), ("w/a/light", False), ("all", True), ("all/a/b", True)):
            await speaker.publish(f"{TOP}/{topic}", "x", qos=1)
            if heard:
                await take(listener, f"{TOP}/{topic}", "x", 1)


async def order():
    async with device() as listener, device() as speaker:
        await listener.subscribe(f"{TOP}/order", qos=2)
        for number in range(200):
            await speaker.publish(f"{TOP}/order", str(number), qos=1)
        for number in range(200):
            await take(listener, f"{TOP}/order", str(number), 1)


async def large_message():
    async with device() as listener, device() as speaker:
        await listener.subscribe(f"{TOP}/large", qos=1)
        await speaker.publish(f"{TOP}/large", "x" * 1_000_000, qos=1)
        await take(listener, f"{TOP}/large", "x" * 1_000_000, 1)


async def retained():
    async with device() as speaker, device() as late, device() as last:
        for state in ("on", "off"):
            await speaker.publish(f"{TOP}/kept", state, qos=1, retain=True)
        await late.subscribe(f"{TOP}/kept", qos=1)
        await take(late, f"{TOP}/kept", "off", 1, retain=True)
        await speaker.publish(f"{TOP}/kept", "", qos=1, retain=True)
        await last.subscribe(f"{TOP}/kept", qos=1)
        await speaker.publish(f"{TOP}/kept", "live", qos=1)
        await take(last, f"{TOP}/kept", "live", 1)


async def will():
    raise Cannot("it always says good-bye")


async def session():
    name = f"asleep{TRANSPORT[0]}{VERSION}"
    async with device(name, clean=False) as sleeper:
        await sleeper.subscribe(f"{TOP}/night", qos=2)
    async with device() as speaker:
        for number in range(10):
            await speaker.publish(f"{TOP}/night", str(number), qos=2)
    async with device(name, clean=False) as sleeper:
        for number in range(10):
            await take(sleeper, f"{TOP}/night", str(number), 2)


async def refused_login():
    try:
        async with device(user=f"a-nobody{TRANSPORT[0]}{VERSION}", password="wrong"):
            check(False, "let in")
    except aiomqtt.MqttError as refusal:
        check("ot authori" in str(refusal), f"told {refusal}")


async def takeover():
    name = f"atwin{TRANSPORT[0]}{VERSION}"
    try:
        async with device(name) as first, device(name):
            await asyncio.wait_for(anext(first.messages), PATIENCE)
        check(False, "the first connection goes on")
    except aiomqtt.MqttError:
        pass


async def shared_subscription():
    async with device() as one, device() as two, device() as speaker:
        for member in (one, two):
            await member.subscribe(f"$share/group/{TOP}/job", qos=1)
        for number in range(20):
            await speaker.publish(f"{TOP}/job", str(number), qos=1)
        got = set()
        for member in (one, two):
            for _ in range(10):
                got.add((await asyncio.wait_for(anext(member.messages), PATIENCE)).payload)
        check(len(got) == 20, "each message once")


async def properties():
    async with device() as watcher, device() as speaker:
        await watcher.subscribe(f"{TOP}/request", qos=1)
        sent = publish_properties(ContentType="text/plain", CorrelationData=b"42", UserProperty=[("k", "v")])
        await speaker.publish(f"{TOP}/request", "x", qos=1, properties=sent)
        got = (await take(watcher, f"{TOP}/request", "x", 1)).properties
        for field in ("ContentType", "CorrelationData", "UserProperty"):
            check(getattr(got, field) == getattr(sent, field), f"{field} {getattr(got, field)}")


async def request_and_response():
    async with device() as server, device() as client:
        await server.subscribe(f"{TOP}/service", qos=1)
        await client.subscribe(f"{TOP}/answer", qos=1)
        asked = publish_properties(ResponseTopic=f"{TOP}/answer", CorrelationData=b"7")
        await client.publish(f"{TOP}/service", "?", qos=1, properties=asked)
        request = (await take(server, f"{TOP}/service", "?", 1)).properties
        answer = publish_properties(CorrelationData=request.CorrelationData)
        await server.publish(request.ResponseTopic, "!", qos=1, properties=answer)
        got = (await take(client, f"{TOP}/answer", "!", 1)).properties
        check(got.CorrelationData == b"7", "the same correlation data")


async def message_expiry():
    async with device() as speaker, device() as late:
        fresh = publish_properties(MessageExpiryInterval=1000)
        await speaker.publish(f"{TOP}/fresh", "x", qos=1, retain=True, properties=fresh)
        await late.subscribe(f"{TOP}/fresh", qos=1)
        left = (await take(late, f"{TOP}/fresh", "x", 1, retain=True)).properties.MessageExpiryInterval
        check(0 < left <= 1000, f"{left} s are left")
        await speaker.publish(f"{TOP}/fresh", "", qos=1, retain=True)


async def topic_alias():
    async with device() as listener, device() as speaker:
        await listener.subscribe(f"{TOP}/aliased", qos=1)
        for topic in (f"{TOP}/aliased", "", ""):
            await speaker.publish(topic, "x", qos=1, properties=publish_properties(TopicAlias=3))
            await take(listener, f"{TOP}/aliased", "x", 1)


async def subscription_identifier():
    async with device() as listener, device() as speaker:
        identifier = Properties(PacketTypes.SUBSCRIBE)
        identifier.SubscriptionIdentifier = 7
        await listener.subscribe(f"{TOP}/id/+", qos=1, properties=identifier)
        await speaker.publish(f"{TOP}/id/a", "x", qos=1)
        got = (await take(listener, f"{TOP}/id/a", "x", 1)).properties.SubscriptionIdentifier
        check(got == [7], f"identifiers {got}")


async def no_local():
    async with device() as both:
        await both.subscribe(f"{TOP}/own", options=SubscribeOptions(qos=1, noLocal=True))
        await both.subscribe(f"{TOP}/other", options=SubscribeOptions(qos=1))
        for topic in ("own", "other"):
            await both.publish(f"{TOP}/{topic}", "x", qos=1)
        await take(both, f"{TOP}/other", "x", 1)


async def refused_publish():
    raise Cannot("it does not look at PUBACK's reason")


report_all(globals(), lambda act: asyncio.run(act()))
