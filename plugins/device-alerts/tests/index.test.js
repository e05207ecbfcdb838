import assert from "node:assert/strict";
import { generateKeyPairSync, sign } from "node:crypto";
import { mock, test } from "node:test";

import { newReasons, settingsFrom } from "../attention.js";
import { handler } from "../index.js";

const CONTEXT = { awsRequestId: "request-1" };
const SETTINGS = settingsFrom({ ALERT_FROM_STATUS: "MAJOR", LOW_BATTERY_PERCENT: "20" });

function device(status, battery, message) {
  return { _id: "d1", _operational: { _status: status, _message: message }, battery_level: battery };
}

const { privateKey, publicKey } = generateKeyPairSync("rsa", { modulusLength: 2048 });
const publicText = publicKey.export({ type: "spki", format: "der" }).toString("base64");

// BioT's public key is all that these tests need of the platform.
mock.method(globalThis, "fetch", async () => Response.json({ publicKey: publicText, previousPublicKey: null }));

function token(permission, seconds = 600) {
  const claims = { scopes: [permission], exp: Math.floor(Date.now() / 1000) + seconds };
  const parts = [{ alg: "RS512" }, claims].map((part) => Buffer.from(JSON.stringify(part)).toString("base64url"));
  return [...parts, sign("sha512", Buffer.from(parts.join(".")), privateKey).toString("base64url")].join(".");
}

function call(hook, body) {
  const headers = {
    HookType: hook,
    Authorization: `Bearer ${token("PLUGIN_INTERCEPTOR")}`,
    traceparent: "00-trace-span-00",
  };
  return { headers, body: JSON.stringify({ jwt: token("ACTION_NOTIFICATION"), ...body }) };
}

function notification(entity, oldEntity, entityTypeName = "device", jwt = token("ACTION_NOTIFICATION")) {
  const metadata = { entityTypeName, actionName: "_update", status: "SUCCESS", traceId: "trace-1" };
  return call("NOTIFICATION", { metadata, data: { entity, additionalData: { oldEntity } }, jwt });
}

function refusal(response) {
  return [response.statusCode, JSON.parse(response.body).code];
}

async function logged(t, event) {
  const log = t.mock.method(console, "log", () => {});
  const answer = await handler(event, CONTEXT);
  log.mock.restore();
  return { answer, lines: log.mock.calls.map((line) => line.arguments[0]) };
}

test("a device that becomes critical is logged once, with the trace and without the token", async (t) => {
  const { answer, lines } = await logged(t, notification(device("CRITICAL", 80, "pump blocked"), device("OK", 80)));

  assert.deepEqual(answer, { statusCode: 200 });
  assert.equal(lines.length, 1);
  assert.deepEqual(JSON.parse(lines[0]), {
    traceId: "trace-1",
    message: "device needs attention",
    deviceId: "d1",
    reasons: [{ kind: "status CRITICAL", message: "pump blocked" }],
  });
});

test("a device that stays as it is, or another entity, is not logged", async (t) => {
  const critical = device("CRITICAL", 5);

  assert.deepEqual((await logged(t, notification(critical, critical))).lines, []);
  assert.deepEqual((await logged(t, notification(critical, undefined, "patient"))).lines, []);
});

test("a notification without data is accepted", async () => {
  for (const body of [{}, { metadata: null, data: null }, { metadata: { entityTypeName: "device" }, data: {} }]) {
    assert.deepEqual(await handler(call("NOTIFICATION", body), CONTEXT), { statusCode: 200 });
  }
  assert.deepEqual(await handler(notification(undefined, undefined), CONTEXT), { statusCode: 200 });
});

test("a schedule is accepted and logged with the id of the request", async (t) => {
  const { answer, lines } = await logged(t, {});

  assert.deepEqual(answer, { statusCode: 200 });
  assert.equal(JSON.parse(lines[0]).traceId, "request-1");
});

test("a notification without a token of BioT's raises no alert", async (t) => {
  for (const bad of ["a.b.c", null, token("PLUGIN_INTERCEPTOR"), token("ACTION_NOTIFICATION", -60)]) {
    const event = notification(device("CRITICAL", 80), device("OK", 80), "device", bad);
    const { answer, lines } = await logged(t, event);

    assert.deepEqual(refusal(answer), [401, "TOKEN_NOT_VALID"]);
    assert.ok(!lines.join("\n").includes("device needs attention"));
  }
});

test("a call that is no hook is refused", async () => {
  for (const event of [{ headers: { host: "example.com" } }, { headers: {}, body: "{}" }]) {
    assert.deepEqual(refusal(await handler(event, CONTEXT)), [400, "NOT_A_HOOK"]);
  }
});

test("requests and responses pass unchanged", async () => {
  const request = { path: "/", queryParameters: {}, headers: {}, body: { a: 1 } };
  const response = { entities: [{ _id: "1" }] };

  assert.deepEqual(await handler(call("INTERCEPTOR_PRE", { request }), CONTEXT), { request });
  assert.deepEqual(await handler(call("INTERCEPTOR_POST", { response }), CONTEXT), { response });
  assert.deepEqual(await handler(call("INTERCEPTOR_POST_ENTITY", { response }), CONTEXT), { response });
});

test("a base64 body is read", async (t) => {
  const plain = notification(device("CRITICAL", 80), device("OK", 80));
  const event = { ...plain, body: Buffer.from(plain.body).toString("base64"), isBase64Encoded: true };

  assert.equal((await logged(t, event)).lines.length, 1);
});

test("a body that is no JSON object is refused", async () => {
  for (const body of ["no json", "[]", "null"]) {
    assert.deepEqual(refusal(await handler({ ...call("NOTIFICATION", {}), body }, CONTEXT)), [400, "BODY_NOT_JSON"]);
  }
});

for (const [name, now, before, kinds] of [
  ["below the status", device("MINOR", 80), device("OK", 80), []],
  ["at the status", device("MAJOR", 80), device("OK", 80), ["status MAJOR"]],
  ["worse than before", device("CRITICAL", 80), device("MAJOR", 80), ["status CRITICAL"]],
  ["better again", device("OK", 80), device("CRITICAL", 80), []],
  ["battery falls", device("OK", 19), device("OK", 20), ["low battery"]],
  ["battery stays low", device("OK", 18), device("OK", 19), []],
  ["both at once", device("MAJOR", 5), device("OK", 80), ["status MAJOR", "low battery"]],
  ["no update before it", device("MAJOR", 80), undefined, ["status MAJOR"]],
  ["nothing known", { _id: "d1" }, undefined, []],
  ["a battery that is no number", device("OK", "5"), undefined, []],
]) {
  test(`attention: ${name}`, () => {
    assert.deepEqual(newReasons(now, before, SETTINGS).map((reason) => reason.kind), kinds);
  });
}

test("a wrong setting is refused by name", () => {
  assert.throws(() => settingsFrom({ ALERT_FROM_STATUS: "OK" }), /ALERT_FROM_STATUS must be MINOR, MAJOR or CRITICAL, not OK/);
  assert.throws(() => settingsFrom({ LOW_BATTERY_PERCENT: "low" }), /LOW_BATTERY_PERCENT must be 0 to 100, not low/);
});
