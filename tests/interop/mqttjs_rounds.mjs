// SPDX-License-Identifier: Apache-2.0 OR MIT
// Round trips with mqtt.js: both versions, every quality of service, a large message, a retained one, a wrong password.
// Usage: node mqttjs_rounds.mjs LIBRARY URL USER PASSWORD
import assert from "node:assert/strict";
import { once } from "node:events";
import { createRequire } from "node:module";

const [library, url, username, password] = process.argv.slice(2);
const mqtt = createRequire(import.meta.url)(library);

function connect(protocolVersion, more = {}) {
  const options = { username, password, protocolVersion, reconnectPeriod: 0, connectTimeout: 60_000 };
  return mqtt.connectAsync(url, { ...options, ...more });
}

async function expect(client, topic, payload, qos, retain = false) {
  const [gotTopic, gotPayload, packet] = await once(client, "message");
  assert.deepEqual([gotTopic, gotPayload.toString(), packet.qos, packet.retain], [topic, payload, qos, retain]);
}

for (const version of [4, 5]) {
  const client = await connect(version);
  await client.subscribeAsync(`js/${version}/#`, { qos: 2 });
  for (const qos of [0, 1, 2]) {
    for (const payload of ["hello", "", "ü€".repeat(100_000)]) {
      const arrived = expect(client, `js/${version}/x`, payload, qos);
      await client.publishAsync(`js/${version}/x`, payload, { qos });
      await arrived;
    }
  }
  await client.publishAsync(`kept/${version}`, "state", { qos: 1, retain: true });
  const kept = expect(client, `kept/${version}`, "state", 1, true);
  await client.subscribeAsync(`kept/${version}`, { qos: 1 });
  await kept;
  await client.endAsync();
  await assert.rejects(connect(version, { password: "wrong" }), /Not authorized/);
}
process.exit(0);
