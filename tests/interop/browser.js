// SPDX-License-Identifier: Apache-2.0 OR MIT
// Runs the cases of the matrix in a page and publishes the lines about them, retained, to "browser/VERSION".
import { runCases } from "./mqttjs_cases.js";

const query = new URLSearchParams(location.search);
const [port, username, password] = ["port", "user", "password"].map((name) => query.get(name));
const url = `ws://127.0.0.1:${port}`;
for (const version of query.get("versions").split(" ")) {
  const lines = [];
  await runCases(window.mqtt, url, version, username, password, (line) => lines.push(line));
  const teller = await window.mqtt.connectAsync(url, { username, password });
  await teller.publishAsync(`browser/${version}`, lines.join("\n"), { qos: 1, retain: true });
  await teller.endAsync();
}
