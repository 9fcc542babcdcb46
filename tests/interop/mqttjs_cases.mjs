// SPDX-License-Identifier: Apache-2.0 OR MIT
// The cases of the matrix with mqtt.js in Node.js: node mqttjs_cases.mjs LIBRARY URL VERSION USER PASSWORD
import { readFile } from "node:fs/promises";
import { createRequire } from "node:module";

const [library, url, version, username, password] = process.argv.slice(2);
const source = await readFile(new URL("mqttjs_cases.js", import.meta.url));
const { runCases } = await import(`data:text/javascript;base64,${source.toString("base64")}`);
await runCases(createRequire(import.meta.url)(library), url, version, username, password, console.log);
process.exit(0);
