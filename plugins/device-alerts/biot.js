// BioT's side of a plugin: the kind of a call, the verification of its token, errors in BioT's format.

import { PublicKeyError, TokenError, TokenVerifier } from "./biot_token.js";

const TIMEOUT_MS = 2_000;

// The kinds of call: the header `hooktype`, and two that have none.
export const REQUEST = "INTERCEPTOR_PRE";
export const RESPONSE = "INTERCEPTOR_POST";
export const ENTITIES = "INTERCEPTOR_POST_ENTITY";
export const NOTIFICATION = "NOTIFICATION";
export const SCHEDULE = "SCHEDULE";
export const DIRECT = "DIRECT";

const verifier = new TokenVerifier(process.env.BIOT_BASE_URL ?? "");

// The trace of the current call: Lambda gives a process one call at a time.
const trace = { id: "", parent: undefined };

// An error in BioT's format that ends the call; it blocks an intercepted call.
export class Refusal extends Error {
  constructor(status, code, message, details = {}) {
    super(message);
    Object.assign(this, { status, code, details });
  }

  // Returns what the handler returns for this error.
  response() {
    log("refused", { status: this.status, code: this.code });
    const body = {
      code: this.code,
      message: this.message,
      serviceName: process.env.BIOT_APP_NAME ?? "",
      traceId: trace.id,
      environment: process.env.BIOT_SERVICE_ENVIRONMENT ?? "",
      details: this.details,
    };
    return { statusCode: this.status, headers: { "content-type": "application/json" }, body: JSON.stringify(body) };
  }
}

// Reads a Lambda event and verifies its token. Returns the kind; the JSON of a hook without its token; and as `caller` the
// claims of the token, undefined where there is none or where tokens are not verified. Throws Refusal.
export async function readCall(event, context) {
  const headers = lowerCased(event?.headers);
  startTrace(headers, context);
  // A call over the network has headers, even without a body, so it cannot pass for the schedule.
  if (Object.keys(headers).length === 0 && event?.body === undefined && event?.requestContext === undefined) {
    return { kind: SCHEDULE };
  }
  const kind = headers.hooktype ?? DIRECT;
  const bearer = bearerToken(headers);
  if (kind === DIRECT) {
    return { kind, caller: bearer ? await verified(bearer) : undefined };
  }
  if (![REQUEST, RESPONSE, ENTITIES, NOTIFICATION].includes(kind)) {
    throw new Refusal(400, "HOOK_UNKNOWN", "This kind of hook is not known to the plugin");
  }
  const { jwt, ...body } = bodyOf(event);
  if (kind === NOTIFICATION) {
    trace.id = body.metadata?.traceId ?? trace.id;
  }
  return { kind, body, caller: await verified(kind === NOTIFICATION ? jwt : bearer, permissionFor(kind)) };
}

// Returns the JSON object in a call's body. Throws Refusal.
export function bodyOf(event) {
  let body;
  try {
    const text = event.isBase64Encoded ? Buffer.from(event.body, "base64").toString() : event.body;
    body = JSON.parse(text || "{}");
  } catch {
    body = null;
  }
  if (body === null || typeof body !== "object" || Array.isArray(body)) {
    throw new Refusal(400, "BODY_NOT_JSON", "The body of the call must be a JSON object");
  }
  return body;
}

// Writes one JSON line. Never log an event: it holds tokens and the patient's data.
export function log(message, fields = {}) {
  console.log(JSON.stringify({ traceId: trace.id, message, ...fields }));
}

// Sends a request to BioT. Returns the status and the JSON of the response, undefined for an empty one. Throws when there is
// no such response.
export async function send(method, path, body, headers = {}) {
  const response = await fetch((process.env.BIOT_BASE_URL ?? "").replace(/\/+$/, "") + path, {
    method,
    headers: {
      accept: "application/json",
      ...(trace.parent && { traceparent: trace.parent }),
      ...(body !== undefined && { "content-type": "application/json" }),
      ...headers,
    },
    body: body === undefined ? undefined : JSON.stringify(body),
    signal: AbortSignal.timeout(TIMEOUT_MS),
  });
  return { ok: response.ok, status: response.status, json: parsed(await response.text(), response.ok) };
}

function parsed(text, ok) {
  try {
    return text ? JSON.parse(text) : undefined;
  } catch {
    if (ok) {
      throw new Error("BioT's response is not JSON");
    }
    return undefined;
  }
}

function lowerCased(headers) {
  return Object.fromEntries(Object.entries(headers ?? {}).map(([name, value]) => [name.toLowerCase(), value]));
}

function startTrace(headers, context) {
  const parts = headers.traceparent?.split("-") ?? [];
  trace.parent = headers.traceparent;
  trace.id = parts.length === 4 ? parts[1] : (context?.awsRequestId ?? "");
}

function bearerToken(headers) {
  return /^bearer +(\S+)$/i.exec(headers.authorization?.trim() ?? "")?.[1];
}

function permissionFor(kind) {
  return kind === NOTIFICATION
    ? process.env.BIOT_JWT_PERMISSION_NOTIFICATION || "ACTION_NOTIFICATION"
    : process.env.BIOT_JWT_PERMISSION_INTERCEPTION || "PLUGIN_INTERCEPTOR";
}

// Returns the claims of the token. Throws Refusal.
async function verified(token, permission) {
  if (process.env.BIOT_SHOULD_VALIDATE_JWT?.toLowerCase() === "false") {
    log("the token is not verified: BIOT_SHOULD_VALIDATE_JWT is false");
    return undefined;
  }
  try {
    return await verifier.verify(token, permission);
  } catch (error) {
    if (error instanceof TokenError) {
      log("the token is refused", { reason: error.message });
      throw new Refusal(401, "TOKEN_NOT_VALID", error.message);
    }
    if (error instanceof PublicKeyError) {
      log("BioT's public key cannot be had", { error: error.message });
      const message = "BioT's public key cannot be had, so no token can be verified: try again";
      throw new Refusal(503, "PUBLIC_KEY_UNAVAILABLE", message);
    }
    throw error;
  }
}
