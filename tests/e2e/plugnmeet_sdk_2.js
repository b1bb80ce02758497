// A stand-in for plugnmeet-sdk-js 2.x, which is not in the registry: its method, with plugNmeet's published schema.
const { createHmac } = require("node:crypto");
const { create, fromJsonString, toJsonString } = require("@bufbuild/protobuf");
const { FetchPastRoomsReqSchema, FetchPastRoomsResSchema } = require("plugnmeet-protocol-js");

exports.PlugNmeet = class {
  constructor(url, key, secret) {
    Object.assign(this, { url, key, secret });
  }

  async fetchPastRoomsInfo(parameters) {
    const body = toJsonString(FetchPastRoomsReqSchema, create(FetchPastRoomsReqSchema, parameters));
    const signature = createHmac("sha256", this.secret).update(body).digest("hex");
    const headers = { "Content-Type": "application/json", "API-KEY": this.key, "HASH-SIGNATURE": signature };
    const answer = await fetch(`${this.url}/auth/room/fetchPastRooms`, { method: "POST", headers, body });
    // Unknown fields are errors.
    return fromJsonString(FetchPastRoomsResSchema, await answer.text());
  }
};
