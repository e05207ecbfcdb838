import assert from "node:assert/strict";
import { generateKeyPairSync, sign } from "node:crypto";
import { beforeEach, mock, test } from "node:test";

import { handler } from "../index.js";

const TRACE_ID = "0af7651916cd43dd8448eb211c80319c";
const { privateKey, publicKey } = newKeys();
const publicText = publicKey.export({ type: "spki", format: "der" }).toString("base64");

// BioT's public key is all that these tests need of the platform.
mock.method(globalThis, "fetch", async () => Response.json({ publicKey: publicText, previousPublicKey: null }));

let lines;
beforeEach(() => {
  lines = [];
  mock.method(console, "log", (line) => lines.push(line));
});

function newKeys() {
  return generateKeyPairSync("rsa", { modulusLength: 2048 });
}

function token(permission, { key = privateKey, seconds = 600 } = {}) {
  const claims = { scopes: [permission], exp: Math.floor(Date.now() / 1000) + seconds };
  const parts = [{ alg: "RS512" }, claims].map((part) => Buffer.from(JSON.stringify(part)).toString("base64url"));
  return [...parts, sign("sha512", Buffer.from(parts.join(".")), key).toString("base64url")].join(".");
}

async function intercepted(hooktype, body, signed = token("PLUGIN_INTERCEPTOR")) {
  const headers = { hooktype, authorization: `Bearer ${signed}`, traceparent: `00-${TRACE_ID}-b7ad6b7169203331-00` };
  return handler({ headers, body: JSON.stringify(body) }, {});
}

function refusedWith(answer) {
  return [answer.statusCode, JSON.parse(answer.body).code];
}

const request = { path: "/organization/v1/users/patients", queryParameters: {}, headers: {}, body: { a: 1 } };

test("a request passes", async () => {
  assert.deepEqual(await intercepted("INTERCEPTOR_PRE", { request }), { request });
});

test("a response passes", async () => {
  const response = { body: { a: 1 } };

  assert.deepEqual(await intercepted("INTERCEPTOR_POST", { request, response }), { response });
});

test("entities pass", async () => {
  const response = { entities: [{ _id: "1" }] };

  assert.deepEqual(await intercepted("INTERCEPTOR_POST_ENTITY", { request, response }), { response });
});

test("a notification is accepted", async () => {
  const metadata = { entityTypeName: "patient", actionName: "_create" };
  const body = JSON.stringify({ metadata, data: { entity: {} }, jwt: token("ACTION_NOTIFICATION") });

  assert.deepEqual(await handler({ headers: { hooktype: "NOTIFICATION" }, body }, {}), { statusCode: 200 });
});

test("the schedule is accepted", async () => {
  assert.deepEqual(await handler({}, {}), { statusCode: 200 });
});

test("a caller without a token is refused", async () => {
  assert.deepEqual(refusedWith(await handler({ headers: { host: "plugin" } }, {})), [401, "TOKEN_NOT_VALID"]);
});

test("a token that BioT did not sign blocks the call, and is not logged", async () => {
  const foreign = token("PLUGIN_INTERCEPTOR", { key: newKeys().privateKey });

  const answer = await intercepted("INTERCEPTOR_PRE", { request }, foreign);

  assert.deepEqual(refusedWith(answer), [401, "TOKEN_NOT_VALID"]);
  assert.equal(JSON.parse(answer.body).traceId, TRACE_ID);
  assert.ok(lines.length > 0);
  assert.ok(!lines.join("\n").includes(foreign));
});

test("an expired token, and one for something else, block the call", async () => {
  for (const bad of [token("PLUGIN_INTERCEPTOR", { seconds: -60 }), token("ACTION_NOTIFICATION")]) {
    assert.deepEqual(refusedWith(await intercepted("INTERCEPTOR_PRE", { request }, bad)), [401, "TOKEN_NOT_VALID"]);
  }
});
