// plugNmeet's published SDK against the local run, by base URL alone, in the dialect that it answers in; and, where that is the
// documented one, the examples of docs/use/clients.md: those in JavaScript are run, the bodies of all are sent.
//
// usage: node sdk.mjs documented|plugnmeet BASE_URL DOCS

import assert from "node:assert/strict";
import { createHmac } from "node:crypto";
import { readFileSync } from "node:fs";
import { createRequire } from "node:module";

const require = createRequire(`${process.cwd()}/`);
const sdk = require("plugnmeet-sdk-js");
const { FetchPastRoomsReqSchema, FetchPastRoomsResSchema } = require("plugnmeet-protocol-js");
const { create, fromJsonString, toJsonString } = require("@bufbuild/protobuf");

const [dialect, baseUrl, docs] = process.argv.slice(2);
const asServer = dialect === "plugnmeet";
const [key, secret] = ["plugnmeet", "local-demo-secret"];

const pnm = new sdk.PlugNmeet(baseUrl, key, secret);
const page = await pnm.fetchPastRoomsInfo({ room_ids: ["room01", "english-b2"], from: 5, limit: 3, order_by: "ASC" });
assert.equal(page.status, true);
assert.equal(page.msg, "success");
assert.equal(page.result.total_rooms, asServer ? "447" : 447);
assert.deepEqual([page.result.from, page.result.limit, page.result.order_by], [5, 3, "ASC"]);
assert.equal(page.result.rooms_list.length, 3);
console.log(`ok    plugnmeet-sdk-js, ${dialect}: a page`);

const none = await pnm.fetchPastRoomsInfo({ room_ids: ["empty-room"] });
assert.deepEqual([none.status, none.msg], [false, asServer ? "no room found" : "no info found"]);
console.log(`ok    plugnmeet-sdk-js, ${dialect}: a room without a past`);

const denied = await new sdk.PlugNmeet(baseUrl, key, "another secret").fetchPastRoomsInfo({ room_ids: ["room01"] });
assert.equal(denied.status, false);
assert.match(denied.msg, /HASH-SIGNATURE/);
console.log(`ok    plugnmeet-sdk-js, ${dialect}: a wrong secret`);

const broken = await pnm.fetchPastRoomsInfo({ room_ids: "room01" });
assert.equal(broken.status, false);
assert.match(broken.msg, /room_ids must be an array/);
console.log(`ok    plugnmeet-sdk-js, ${dialect}: a broken request`);

const slash = await new sdk.PlugNmeet(`${baseUrl}/`, key, secret).fetchPastRoomsInfo({ room_ids: ["room01"] });
assert.equal(slash.status, true);
console.log(`ok    plugnmeet-sdk-js, ${dialect}: a server URL with a slash at its end`);

// The published schema of the 2.x line is older than `status_code`, so it reads only the documented answers.
if (asServer) process.exit(0);

let sent;
const post = async (url, body) => {
  sent = body;
  const signature = createHmac("sha256", secret).update(body).digest("hex");
  const headers = { "Content-Type": "application/json", "API-KEY": key, "HASH-SIGNATURE": signature };
  return (await fetch(`${url}/auth/room/fetchPastRooms`, { method: "POST", headers, body })).text();
};

// The method of the SDKs of the 2.x line, which are not in the registry: the request is made with plugNmeet's schema, and
// unknown fields of the answer are errors.
class PlugNmeet2 {
  constructor(url) {
    this.url = url;
  }

  async fetchPastRoomsInfo(parameters) {
    const body = toJsonString(FetchPastRoomsReqSchema, create(FetchPastRoomsReqSchema, parameters));
    return fromJsonString(FetchPastRoomsResSchema, await post(this.url, body));
  }
}

// The 1.x line's class, which also notes what its caller gives: it is sent as it is.
class PlugNmeet1 extends sdk.PlugNmeet {
  fetchPastRoomsInfo(parameters) {
    sent = JSON.stringify(parameters);
    return super.fetchPastRoomsInfo(parameters);
  }
}

const AsyncFunction = (async () => {}).constructor;
for (const section of readFileSync(`${docs}/clients.md`, "utf8").split(/^## /m)) {
  const title = section.split("\n")[0];
  const block = (language) => section.match(new RegExp(`^\`\`\`${language}\n(.*?)^\`\`\`$`, "ms"))?.[1];
  const [script, json] = [block("js"), block("json")?.trim()];
  if (!json) continue;
  if (script) {
    const PlugNmeet = title.includes(" 2.x") ? PlugNmeet2 : PlugNmeet1;
    const here = script.replace("http://127.0.0.1:9000", baseUrl);
    assert.notEqual(here, script, "the example is for the local run");
    let printed;
    const console = { log: (...values) => (printed = values.join(" ")) };
    await new AsyncFunction("require", "console", here)(() => ({ PlugNmeet }), console);
    assert.equal(sent, json, title);
    assert.equal(printed, "137 Retrospective", title);
    globalThis.console.log(`ok    docs/use/clients.md: ${title}: runs`);
  }
  const request = fromJsonString(FetchPastRoomsReqSchema, json);
  assert.deepEqual([request.roomIds, request.from, request.limit, request.orderBy], [["room01"], 5, 20, "ASC"]);
  const answer = fromJsonString(FetchPastRoomsResSchema, await post(baseUrl, json));
  assert.deepEqual([Number(answer.result.totalRooms), answer.result.roomsList[0].roomTitle], [137, "Retrospective"]);
  console.log(`ok    docs/use/clients.md: ${title}: ${json}`);
}
