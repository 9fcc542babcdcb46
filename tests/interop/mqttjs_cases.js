// SPDX-License-Identifier: Apache-2.0 OR MIT
// The cases of the matrix with mqtt.js, the same in Node.js and in a browser; `say` gets a line for each case.
export async function runCases(mqtt, url, version, username, password, say) {
  const protocol = { "3.1": [3, "MQIsdp"], "3.1.1": [4, "MQTT"], "5.0": [5, "MQTT"] }[version];
  const five = version === "5.0";
  const top = `mqttjs/${new URL(url).protocol}${typeof window === "undefined" ? "node" : "browser"}/${version}`;
  const devices = [];
  let number = 0;

  class Cannot extends Error {}

  function check(fact, what) {
    if (!fact) throw new Error(what);
  }

  // A client that keeps what arrives until it is asked for.
  async function device(more = {}) {
    const options = {
      username,
      password,
      protocolVersion: protocol[0],
      protocolId: protocol[1],
      clientId: `j${number++}${typeof window === "undefined" ? "n" : "b"}${url.at(0)}${version}`,
      reconnectPeriod: 0,
      connectTimeout: 60_000,
      ...more,
    };
    const client = await mqtt.connectAsync(url, options);
    devices.push(client);
    client.arrived = [];
    client.on("message", (topic, payload, packet) => {
      client.arrived.push([topic, payload.toString(), packet.qos, packet.retain, packet.properties ?? {}]);
      client.notify?.();
    });
    client.on("error", () => undefined);
    return client;
  }

  async function next(client) {
    while (client.arrived.length === 0) {
      await new Promise((resolve, reject) => {
        client.notify = resolve;
        setTimeout(() => reject(new Error("no message")), 20_000);
      });
    }
    return client.arrived.shift();
  }

  async function take(client, topic, payload, qos, retain = false) {
    const got = await next(client);
    const same = got[0] === topic && got[1] === payload && got[2] === qos && got[3] === retain;
    check(same, `message ${JSON.stringify(got).slice(0, 200)}`);
    return got[4];
  }

  const all = {
    "round trip": async () => {
      const [listener, speaker] = [await device(), await device()];
      await listener.subscribeAsync(`${top}/rt`, { qos: 2 });
      for (const qos of [0, 1, 2]) {
        for (const payload of ["hello", "", "ü€"]) {
          await speaker.publishAsync(`${top}/rt`, payload, { qos });
          await take(listener, `${top}/rt`, payload, qos);
        }
      }
    },
    wildcards: async () => {
      const [listener, speaker] = [await device(), await device()];
      await listener.subscribeAsync([`${top}/w/+/temperature`, `${top}/all/#`], { qos: 1 });
      for (const [topic, heard] of [["w/a/temperature", true], ["w/a/light", false], ["all", true], ["all/a/b", true]]) {
        await speaker.publishAsync(`${top}/${topic}`, "x", { qos: 1 });
        if (heard) await take(listener, `${top}/${topic}`, "x", 1);
      }
    },
    order: async () => {
      const [listener, speaker] = [await device(), await device()];
      await listener.subscribeAsync(`${top}/order`, { qos: 2 });
      const numbers = [...Array(200).keys()].map(String);
      await Promise.all(numbers.map((n) => speaker.publishAsync(`${top}/order`, n, { qos: 1 })));
      for (const n of numbers) await take(listener, `${top}/order`, n, 1);
    },
    "large message": async () => {
      const [listener, speaker] = [await device(), await device()];
      await listener.subscribeAsync(`${top}/large`, { qos: 1 });
      await speaker.publishAsync(`${top}/large`, "x".repeat(1_000_000), { qos: 1 });
      await take(listener, `${top}/large`, "x".repeat(1_000_000), 1);
    },
    retained: async () => {
      const [speaker, late, last] = [await device(), await device(), await device()];
      for (const state of ["on", "off"]) await speaker.publishAsync(`${top}/kept`, state, { qos: 1, retain: true });
      await late.subscribeAsync(`${top}/kept`, { qos: 1 });
      await take(late, `${top}/kept`, "off", 1, true);
      await speaker.publishAsync(`${top}/kept`, "", { qos: 1, retain: true });
      await last.subscribeAsync(`${top}/kept`, { qos: 1 });
      await speaker.publishAsync(`${top}/kept`, "live", { qos: 1 });
      await take(last, `${top}/kept`, "live", 1);
    },
    will: async () => {
      const watcher = await device();
      await watcher.subscribeAsync(`${top}/gone`, { qos: 1 });
      const doomed = await device({ will: { topic: `${top}/gone`, payload: "lost", qos: 1 } });
      doomed.stream.destroy();
      await take(watcher, `${top}/gone`, "lost", 1);
    },
    session: async () => {
      const clientId = `night${typeof window === "undefined" ? "n" : "b"}${url.at(0)}${version}`;
      const keep = { clientId, clean: false, properties: five ? { sessionExpiryInterval: 600 } : undefined };
      const sleeper = await device(keep);
      await sleeper.subscribeAsync(`${top}/night`, { qos: 2 });
      await sleeper.endAsync();
      const speaker = await device();
      for (let n = 0; n < 10; n++) await speaker.publishAsync(`${top}/night`, String(n), { qos: 2 });
      const awake = await device(keep);
      for (let n = 0; n < 10; n++) await take(awake, `${top}/night`, String(n), 2);
    },
    "refused login": async () => {
      let told = "let in";
      await device({ username: `j-nobody${url.at(0)}${version}`, password: "wrong" }).catch((error) => (told = error.message));
      check(/Not authorized/.test(told), `told ${told}`);
    },
    takeover: async () => {
      const clientId = `twin${typeof window === "undefined" ? "n" : "b"}${url.at(0)}${version}`;
      const first = await device({ clientId });
      const ended = new Promise((resolve) => {
        first.on("disconnect", (packet) => resolve(packet.reasonCode));
        first.on("close", () => resolve(undefined));
      });
      await device({ clientId });
      const code = await ended;
      check(!five || code === 0x8e, `told ${code}`);
    },
    "shared subscription": async () => {
      const [one, two, speaker] = [await device(), await device(), await device()];
      for (const member of [one, two]) await member.subscribeAsync(`$share/group/${top}/job`, { qos: 1 });
      for (let n = 0; n < 20; n++) await speaker.publishAsync(`${top}/job`, String(n), { qos: 1 });
      const got = new Set();
      for (let n = 0; n < 10; n++) {
        got.add((await next(one))[1]);
        got.add((await next(two))[1]);
      }
      check(got.size === 20, "each message once");
    },
  };

  const onlyFive = {
    properties: async () => {
      const [watcher, speaker] = [await device(), await device()];
      await watcher.subscribeAsync(`${top}/request`, { qos: 1 });
      const sent = { contentType: "text/plain", payloadFormatIndicator: true, userProperties: { k: ["v", "w"] } };
      await speaker.publishAsync(`${top}/request`, "x", { qos: 1, properties: sent });
      const got = await take(watcher, `${top}/request`, "x", 1);
      for (const name of Object.keys(sent)) {
        check(JSON.stringify(got[name]) === JSON.stringify(sent[name]), `${name} ${JSON.stringify(got[name])}`);
      }
    },
    "request and response": async () => {
      const [server, client] = [await device(), await device()];
      await server.subscribeAsync(`${top}/service`, { qos: 1 });
      await client.subscribeAsync(`${top}/answer`, { qos: 1 });
      const correlationData = new TextEncoder().encode("7");
      const asked = { responseTopic: `${top}/answer`, correlationData: mqtt.Buffer?.from("7") ?? correlationData };
      await client.publishAsync(`${top}/service`, "?", { qos: 1, properties: asked });
      const request = await take(server, `${top}/service`, "?", 1);
      const answer = { correlationData: request.correlationData };
      await server.publishAsync(request.responseTopic, "!", { qos: 1, properties: answer });
      const got = await take(client, `${top}/answer`, "!", 1);
      check(new TextDecoder().decode(got.correlationData) === "7", "the same correlation data");
    },
    "message expiry": async () => {
      const [speaker, late] = [await device(), await device()];
      const properties = { messageExpiryInterval: 1000 };
      await speaker.publishAsync(`${top}/fresh`, "x", { qos: 1, retain: true, properties });
      await late.subscribeAsync(`${top}/fresh`, { qos: 1 });
      const left = (await take(late, `${top}/fresh`, "x", 1, true)).messageExpiryInterval;
      check(left > 0 && left <= 1000, `${left} s are left`);
      await speaker.publishAsync(`${top}/fresh`, "", { qos: 1, retain: true });
    },
    "topic alias": async () => {
      const properties = { topicAliasMaximum: 5 };
      const [listener, speaker] = [await device({ properties }), await device({ autoAssignTopicAlias: true })];
      await listener.subscribeAsync(`${top}/aliased`, { qos: 1 });
      for (let n = 0; n < 3; n++) {
        await speaker.publishAsync(`${top}/aliased`, "x", { qos: 1 });
        await take(listener, `${top}/aliased`, "x", 1);
      }
    },
    "subscription identifier": async () => {
      const [listener, speaker] = [await device(), await device()];
      await listener.subscribeAsync(`${top}/id/+`, { qos: 1, properties: { subscriptionIdentifier: 7 } });
      await speaker.publishAsync(`${top}/id/a`, "x", { qos: 1 });
      const got = (await take(listener, `${top}/id/a`, "x", 1)).subscriptionIdentifier;
      check(JSON.stringify([got].flat()) === "[7]", `identifiers ${JSON.stringify(got)}`);
    },
    "no local": async () => {
      const both = await device();
      await both.subscribeAsync(`${top}/own`, { qos: 1, nl: true });
      await both.subscribeAsync(`${top}/other`, { qos: 1 });
      for (const topic of ["own", "other"]) await both.publishAsync(`${top}/${topic}`, "x", { qos: 1 });
      await take(both, `${top}/other`, "x", 1);
    },
    "refused publish": async () => {
      const speaker = await device();
      let told = "accepted";
      await speaker.publishAsync("$SYS/broker/version", "mine", { qos: 1 }).catch((error) => (told = error));
      check(told.code === 0x87, `told ${told}`);
    },
  };

  for (const [name, act] of Object.entries(five ? { ...all, ...onlyFive } : all)) {
    try {
      await act();
      say(`${name}\tok`);
    } catch (fault) {
      say(fault instanceof Cannot ? `${name}\tcannot\t${fault.message}` : `${name}\tfailed\t${fault.message}`);
    }
    await Promise.all(devices.splice(0).map((client) => client.endAsync(true).catch(() => undefined)));
  }
}
