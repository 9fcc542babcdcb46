// SPDX-License-Identifier: Apache-2.0 OR MIT
// Subscribes to "question" and publishes what it heard, retained, to "answer".
const query = new URLSearchParams(location.search);
const client = mqtt.connect(`ws://127.0.0.1:${query.get("port")}`, {
  username: query.get("user"),
  password: query.get("password"),
  protocolVersion: 5,
});
client.on("connect", () => client.subscribe("question", { qos: 1 }));
client.on("message", (topic, payload) => {
  client.publish("answer", `a web page heard: ${payload}`, { qos: 1, retain: true });
});
