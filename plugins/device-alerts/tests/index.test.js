import assert from "node:assert/strict";
import { test } from "node:test";

import { newReasons, settingsFrom } from "../attention.js";
import { handler } from "../index.js";

const CONTEXT = { awsRequestId: "request-1" };
const SETTINGS = settingsFrom({ ALERT_FROM_STATUS: "MAJOR", LOW_BATTERY_PERCENT: "20" });

function device(status, battery, message) {
  return { _id: "d1", _operational: { _status: status, _message: message }, battery_level: battery };
}

function call(hook, body) {
  return { headers: { HookType: hook, traceparent: "00-trace-span-00" }, body: JSON.stringify(body) };
}

function notification(entity, oldEntity, entityTypeName = "device") {
  const metadata = { entityTypeName, actionName: "_update", status: "SUCCESS", traceId: "trace-1" };
  return call("NOTIFICATION", { metadata, data: { entity, additionalData: { oldEntity } }, jwt: "signed" });
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

test("a visitor without a body is no schedule", async () => {
  const answer = await handler({ headers: { host: "example.com" } }, CONTEXT);

  assert.equal(JSON.parse(answer.body).code, "NOT_A_HOOK");
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

for (const [body, code] of [
  ["no json", "BODY_NOT_JSON"],
  ["[]", "BODY_NOT_JSON"],
  ["null", "BODY_NOT_JSON"],
  ["{}", "NOT_A_HOOK"],
]) {
  test(`a call that is no hook is refused: ${body}`, async () => {
    const answer = await handler({ headers: {}, body }, CONTEXT);

    assert.equal(answer.statusCode, 400);
    assert.equal(JSON.parse(answer.body).code, code);
  });
}

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
