// BioT's side of a plugin: which kind of call it is, whether its token is genuine, how to refuse it.
//
// A token passes when BioT signed it with RS512, it has not expired, and it holds the permission its kind of call needs.
// As long as BioT's public key cannot be had, no token passes.

import { errors, importSPKI, jwtVerify } from "jose";

// Seconds.
const KEYS_LIVE = 3600;
const KEYS_REST = 10; // between two fetches that tokens with unknown signatures can cause
const CLOCK_SKEW = 10;
const PATIENCE = 2;

// The kinds of call: the header `hooktype`, and two that have none.
export const REQUEST = "INTERCEPTOR_PRE";
export const RESPONSE = "INTERCEPTOR_POST";
export const ENTITIES = "INTERCEPTOR_POST_ENTITY";
export const NOTIFICATION = "NOTIFICATION";
export const SCHEDULE = "SCHEDULE";
export const DIRECT = "DIRECT";

// Of the call in progress: Lambda gives a process one at a time.
const trace = { id: "", parent: undefined };

// Ends the call with an error in BioT's format; an intercepted call is blocked by it.
export class Refusal extends Error {
  constructor(status, code, message, details = {}) {
    super(message);
    Object.assign(this, { status, code, details });
  }

  // What the handler returns.
  answer() {
    log("refused", { status: this.status, code: this.code });
    const body = {
      code: this.code,
      message: this.message,
      serviceName: process.env.BIOT_APP_NAME ?? "My Plugin",
      traceId: trace.id,
      environment: process.env.BIOT_SERVICE_ENVIRONMENT ?? "",
      details: this.details,
    };
    return { statusCode: this.status, headers: { "content-type": "application/json" }, body: JSON.stringify(body) };
  }
}

// A Lambda event, read and verified: its kind; the JSON of a hook, without its token; and the caller, which is the claims
// of the token, if there is one and tokens are verified. Throws Refusal.
export async function readCall(event, context) {
  const headers = lowerCased(event?.headers);
  startTrace(headers, context);
  // Whoever comes over the network has headers, even without a body: nobody can pass for the schedule.
  if (Object.keys(headers).length === 0 && event?.body === undefined && event?.requestContext === undefined) {
    return { kind: SCHEDULE };
  }
  const kind = headers.hooktype ?? DIRECT;
  const bearer = bearerOf(headers);
  if (kind === DIRECT) {
    return { kind, caller: bearer ? await claimsOf(bearer) : undefined };
  }
  if (![REQUEST, RESPONSE, ENTITIES, NOTIFICATION].includes(kind)) {
    throw new Refusal(400, "HOOK_UNKNOWN", "This kind of hook is not known to the plugin");
  }
  const { jwt, ...rest } = bodyOf(event);
  if (kind === NOTIFICATION) {
    trace.id = rest.metadata?.traceId ?? trace.id;
  }
  return { kind, body: rest, caller: await claimsOf(kind === NOTIFICATION ? jwt : bearer, permissionFor(kind)) };
}

// The JSON object in a call's body. Throws Refusal.
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

// What BioT answers: its status and its JSON, undefined if it has none. Throws when there is no such answer.
export async function ask(method, path, body, headers = {}) {
  const response = await fetch((process.env.BIOT_BASE_URL ?? "").replace(/\/+$/, "") + path, {
    method,
    headers: {
      accept: "application/json",
      ...(trace.parent && { traceparent: trace.parent }),
      ...(body !== undefined && { "content-type": "application/json" }),
      ...headers,
    },
    body: body === undefined ? undefined : JSON.stringify(body),
    signal: AbortSignal.timeout(PATIENCE * 1000),
  });
  return { ok: response.ok, status: response.status, json: parsed(await response.text(), response.ok) };
}

function parsed(text, ok) {
  try {
    return text ? JSON.parse(text) : undefined;
  } catch {
    if (ok) {
      throw new Error("BioT's answer is no JSON");
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

function bearerOf(headers) {
  return /^bearer +(\S+)$/i.exec(headers.authorization?.trim() ?? "")?.[1];
}

function permissionFor(kind) {
  return kind === NOTIFICATION
    ? process.env.BIOT_JWT_PERMISSION_NOTIFICATION || "ACTION_NOTIFICATION"
    : process.env.BIOT_JWT_PERMISSION_INTERCEPTION || "PLUGIN_INTERCEPTOR";
}

// The claims of a token; throws Refusal unless it is genuine and holds the permission.
async function claimsOf(token, permission) {
  if (process.env.BIOT_SHOULD_VALIDATE_JWT?.toLowerCase() === "false") {
    log("the token is not verified: BIOT_SHOULD_VALIDATE_JWT is false");
    return undefined;
  }
  if (typeof token !== "string" || token === "") {
    throw invalid("The call has no BioT token");
  }
  const claims = await verified(token);
  if (permission && !(Array.isArray(claims.scopes) && claims.scopes.includes(permission))) {
    throw invalid(`The token lacks the permission ${permission}`);
  }
  return claims;
}

function invalid(reason) {
  log("the token is refused", { reason });
  return new Refusal(401, "TOKEN_NOT_VALID", reason);
}

async function verified(token) {
  try {
    return await keys.claims(token);
  } catch (error) {
    if (error instanceof errors.JWTExpired) {
      throw invalid("The token has expired");
    }
    if (error instanceof errors.JWSSignatureVerificationFailed) {
      throw invalid("The token is not signed by BioT");
    }
    throw error instanceof errors.JOSEError ? invalid("The token is not one of BioT's") : error;
  }
}

// BioT's keys, the newest first, for as long as the process is warm.
class PublicKeys {
  #keys = [];
  #fetched = 0;

  async claims(token) {
    // The wall clock: the other one may stand still while Lambda has the process frozen.
    const age = (Date.now() - this.#fetched) / 1000;
    if (!(age >= 0 && age < KEYS_LIVE)) {
      await this.#fetch();
      return this.#verified(token);
    }
    try {
      return await this.#verified(token);
    } catch (error) {
      if (!(error instanceof errors.JWSSignatureVerificationFailed) || age < KEYS_REST) {
        throw error;
      }
    }
    await this.#fetch();
    return this.#verified(token);
  }

  async #verified(token) {
    const options = { algorithms: ["RS512"], clockTolerance: CLOCK_SKEW, requiredClaims: ["exp"] };
    for (const key of this.#keys) {
      try {
        return (await jwtVerify(token, key, options)).payload;
      } catch (error) {
        if (!(error instanceof errors.JWSSignatureVerificationFailed)) {
          throw error;
        }
      }
    }
    throw new errors.JWSSignatureVerificationFailed();
  }

  async #fetch() {
    try {
      const { ok, status, json } = await ask("GET", "/ums/v1/security/public-key");
      if (!ok) {
        throw new Error(`BioT answered ${status}`);
      }
      const texts = [json.publicKey, json.previousPublicKey].filter((text, place) => place === 0 || text);
      this.#keys = await Promise.all(
        texts.map((text) => importSPKI(`-----BEGIN PUBLIC KEY-----\n${text}\n-----END PUBLIC KEY-----`, "RS512")),
      );
    } catch (error) {
      log("BioT's public key cannot be had", { error: `${error}${error.cause ? `: ${error.cause}` : ""}` });
      const message = "BioT's public key cannot be had, so no token can be verified: try again";
      throw new Refusal(503, "PUBLIC_KEY_UNAVAILABLE", message);
    }
    this.#fetched = Date.now();
  }
}

const keys = new PublicKeys();
