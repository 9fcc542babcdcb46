// SPDX-License-Identifier: Apache-2.0 OR MIT
// One message there and back over wss: node mqttjs_tls.mjs LIBRARY URL USER PASSWORD CA [CERTIFICATE KEY]
import { readFileSync } from "node:fs";
import { createRequire } from "node:module";

const [library, url, username, password, ca, cert, key] = process.argv.slice(2);
const mqtt = createRequire(import.meta.url)(library);
const read = (file) => (file ? readFileSync(file) : undefined);
const options = { username, password, ca: read(ca), cert: read(cert), key: read(key), reconnectPeriod: 0 };
const client = mqtt.connect(url, options);
client.on("error", (error) => {
  console.log(error.code ?? error.message);
  process.exit(0);
});
client.on("message", (topic, payload) => {
  console.log(payload.toString());
  client.end(false, () => process.exit(0));
});
client.on("close", () => setTimeout(() => process.exit(0), 1000));
client.subscribe("x", { qos: 1 }, () => client.publish("x", "hello", { qos: 1 }));
