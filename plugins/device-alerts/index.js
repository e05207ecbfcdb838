// Tells when a device starts to need attention: one log line each, for an alarm to act on.
//
// BioT sends four kinds of call to one handler; the header `hooktype` tells them apart, and a schedule has no headers at all.

import { newReasons, settingsFrom } from "./attention.js";

// Read when the function starts: a wrong setting fails every call, loudly, instead of losing alerts.
const settings = settingsFrom(process.env);

export async function handler(event, context) {
  const headers = lowerCased(event.headers);
  const hook = headers.hooktype;
  if (event.headers === undefined && event.body === undefined) {
    log(context?.awsRequestId, "called by its schedule: nothing to do");
    return { statusCode: 200 };
  }
  let body;
  try {
    body = bodyOf(event);
  } catch {
    return refusal("BODY_NOT_JSON", "The body of the call must be a JSON object", traceIdOf(headers, {}, context));
  }
  const traceId = traceIdOf(headers, body, context);
  switch (hook) {
    case "NOTIFICATION":
      return notified(body, traceId);
    case "INTERCEPTOR_PRE":
      return { request: body.request };
    case "INTERCEPTOR_POST":
    case "INTERCEPTOR_POST_ENTITY":
      return { response: body.response };
    default:
      return refusal("NOT_A_HOOK", "This plugin answers BioT's notifications only", traceId);
  }
}

function notified({ metadata, data }, traceId) {
  const before = data?.additionalData?.oldEntity;
  const reasons = metadata?.entityTypeName === "device" ? newReasons(data?.entity, before, settings) : [];
  if (reasons.length > 0) {
    log(traceId, "device needs attention", { deviceId: data.entity._id, reasons });
  }
  return { statusCode: 200 };
}

function lowerCased(headers) {
  return Object.fromEntries(Object.entries(headers ?? {}).map(([name, value]) => [name.toLowerCase(), value]));
}

function bodyOf(event) {
  const text = event.isBase64Encoded ? Buffer.from(event.body, "base64").toString() : event.body;
  const body = JSON.parse(text || "{}");
  if (body === null || typeof body !== "object" || Array.isArray(body)) {
    throw new TypeError("not an object");
  }
  return body;
}

function traceIdOf(headers, body, context) {
  return body.metadata?.traceId ?? headers.traceparent?.split("-")[1] ?? context?.awsRequestId;
}

// BioT's own error format.
function refusal(code, message, traceId) {
  const body = {
    code,
    message,
    serviceName: process.env.BIOT_APP_NAME ?? "Device Alerts",
    traceId,
    environment: process.env.BIOT_SERVICE_ENVIRONMENT ?? "",
    details: {},
  };
  return { statusCode: 400, headers: { "content-type": "application/json" }, body: JSON.stringify(body) };
}

// One JSON line. Never the event: it holds BioT's token and the patient's data.
function log(traceId, message, fields = {}) {
  console.log(JSON.stringify({ traceId, message, ...fields }));
}
