// plugNmeet's published SDK against the local run, with nothing but another base URL. Then what the
// SDKs of the 2.x line do: requests made from plugNmeet's protobuf schema, and answers decoded by it.
//
// usage: node sdk.mjs BASE_URL

import assert from "node:assert/strict";
import { createHmac } from "node:crypto";
import { createRequire } from "node:module";

const require = createRequire(`${process.cwd()}/`);
const { PlugNmeet } = require("plugnmeet-sdk-js");
const { FetchPastRoomsReqSchema, FetchPastRoomsResSchema } = require("plugnmeet-protocol-js");
const { create, fromJsonString, toJsonString } = require("@bufbuild/protobuf");

const [baseUrl, key, secret] = [process.argv[2], "plugnmeet", "local-demo-secret"];

const sdk = new PlugNmeet(baseUrl, key, secret);
const page = await sdk.fetchPastRoomsInfo({ room_ids: ["room01", "english-b2"], from: 5, limit: 3, order_by: "ASC" });
assert.equal(page.status, true);
assert.equal(page.msg, "success");
assert.equal(page.result.total_rooms, 447);
assert.deepEqual([page.result.from, page.result.limit, page.result.order_by], [5, 3, "ASC"]);
assert.equal(page.result.rooms_list.length, 3);
console.log("ok    plugnmeet-sdk-js: a page");

const none = await sdk.fetchPastRoomsInfo({ room_ids: ["empty-room"] });
assert.deepEqual([none.status, none.msg], [false, "no info found"]);
console.log("ok    plugnmeet-sdk-js: a room without a past");

const denied = await new PlugNmeet(baseUrl, key, "another secret").fetchPastRoomsInfo({ room_ids: ["room01"] });
assert.equal(denied.status, false);
assert.match(denied.msg, /HASH-SIGNATURE/);
console.log("ok    plugnmeet-sdk-js: a wrong secret");

for (const request of [{ roomIds: ["room01"], limit: 20 }, { roomIds: ["room01"], from: 130, orderBy: "ASC" }]) {
  const body = toJsonString(FetchPastRoomsReqSchema, create(FetchPastRoomsReqSchema, request));
  const response = await fetch(`${baseUrl}/auth/room/fetchPastRooms`, {
    method: "POST",
    headers: {
      "Content-Type": "application/json",
      "API-KEY": key,
      "HASH-SIGNATURE": createHmac("sha256", secret).update(body).digest("hex"),
    },
    body,
  });
  // Fails on fields that the schema does not have.
  const answer = fromJsonString(FetchPastRoomsResSchema, await response.text());
  assert.equal(answer.status, true);
  assert.equal(Number(answer.result.totalRooms), 137);
  assert.equal(answer.result.roomsList.length, request.from ? 7 : 20);
  assert.equal(answer.result.roomsList[0].roomId, "room01");
  console.log(`ok    plugnmeet-protocol-js: ${body}`);
}
