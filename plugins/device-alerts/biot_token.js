// Verification of the tokens with which BioT signs its calls.
//
//   const verifier = new TokenVerifier("https://api.<env>.<project>.biot-med.com");
//   const claims = await verifier.verify(token, "PLUGIN_INTERCEPTOR");
//
// A token is valid when BioT has signed it with RS512, it has not expired, and its scopes hold the permission. While BioT's
// public key cannot be fetched, no token is valid. The file needs nothing but Node.js, so a plugin is deployed without
// packages, and any other server that BioT calls can have a copy of it.

import { createPublicKey, verify as isSignature } from "node:crypto";

const KEY_LIFETIME_MS = 3_600_000;
// Least time between two fetches that tokens with unknown signatures cause.
const FETCH_INTERVAL_MS = 10_000;
const FETCH_TIMEOUT_MS = 2_000;
const CLOCK_SKEW_SECONDS = 10;
// RFC 7518, section 3.3.
const MIN_KEY_BITS = 2048;

const TOKEN = /^([\w-]+)\.([\w-]+)\.([\w-]+)$/;

// A token that must not be accepted; the message is the reason and quotes nothing of the token.
export class TokenError extends Error {}

// BioT's public key cannot be fetched, so no token can be verified; the message is the reason.
export class PublicKeyError extends Error {}

// Verifier of the tokens of one BioT environment.
//
// It keeps the public keys for an hour. A token with an unknown signature makes it fetch them anew, since BioT may have a
// new key, but at most once in ten seconds.
export class TokenVerifier {
  #baseUrl;
  #keys = [];
  #fetchedAt = 0;

  constructor(baseUrl) {
    this.#baseUrl = baseUrl;
  }

  // Returns the claims of a valid token; `permission` is a scope that the token must hold. Throws TokenError and
  // PublicKeyError.
  async verify(token, permission) {
    if (typeof token !== "string" || token === "") {
      throw new TokenError("The call has no BioT token");
    }
    const [, head, body, signature] = TOKEN.exec(token) ?? [];
    const header = head === undefined ? {} : jsonObject(head);
    // `crit` names extensions that a verifier must understand (RFC 7515, section 4.1.11).
    if (header.alg !== "RS512" || "crit" in header) {
      throw new TokenError("The token is not one of BioT's");
    }
    if (!(await this.#isSigned(Buffer.from(`${head}.${body}`), Buffer.from(signature, "base64url")))) {
      throw new TokenError("The token is not signed by BioT");
    }
    const claims = jsonObject(body);
    checkTimes(claims);
    if (permission && !(Array.isArray(claims.scopes) && claims.scopes.includes(permission))) {
      throw new TokenError(`The token lacks the permission ${permission}`);
    }
    return claims;
  }

  async #isSigned(content, signature) {
    const isSigned = () => this.#keys.some((key) => isSignature("sha512", content, key, signature));
    // The wall clock: a monotonic clock may stand still while AWS Lambda has the process frozen.
    const age = Date.now() - this.#fetchedAt;
    const isCurrent = age >= 0 && age < KEY_LIFETIME_MS;
    if (isCurrent && isSigned()) {
      return true;
    }
    if (isCurrent && age < FETCH_INTERVAL_MS) {
      return false;
    }
    await this.#fetchKeys();
    return isSigned();
  }

  async #fetchKeys() {
    const keys = [];
    let previous;
    try {
      const { publicKey, previousPublicKey } = await fetchPublicKeys(this.#baseUrl);
      keys.push(readKey(publicKey));
      previous = previousPublicKey;
    } catch (error) {
      throw new PublicKeyError(`${error}${error.cause ? `: ${error.cause}` : ""}`);
    }
    try {
      if (previous) {
        keys.push(readKey(previous));
      }
    } catch (error) {
      console.warn(`BioT's previous public key is not used: ${error}`);
    }
    this.#keys = keys;
    this.#fetchedAt = Date.now();
  }
}

// BioT's `publicKey` and, after a rotation, the `previousPublicKey`: base64 of SubjectPublicKeyInfo.
async function fetchPublicKeys(baseUrl) {
  const response = await fetch(`${baseUrl.replace(/\/+$/, "")}/ums/v1/security/public-key`, {
    headers: { accept: "application/json" },
    signal: AbortSignal.timeout(FETCH_TIMEOUT_MS),
  });
  if (!response.ok) {
    throw new Error(`BioT answered ${response.status}`);
  }
  return response.json();
}

function readKey(text) {
  const key = createPublicKey({ key: Buffer.from(text, "base64"), format: "der", type: "spki" });
  if (key.asymmetricKeyType !== "rsa" || key.asymmetricKeyDetails.modulusLength < MIN_KEY_BITS) {
    throw new Error(`the public key is not an RSA key of at least ${MIN_KEY_BITS} bits`);
  }
  return key;
}

// Checks `exp`, which must be there, and `nbf`. Throws TokenError.
function checkTimes({ exp, nbf = 0 }) {
  if (typeof exp !== "number" || typeof nbf !== "number") {
    throw new TokenError("The token is not one of BioT's");
  }
  const now = Date.now() / 1000;
  if (now >= exp + CLOCK_SKEW_SECONDS) {
    throw new TokenError("The token has expired");
  }
  if (now < nbf - CLOCK_SKEW_SECONDS) {
    throw new TokenError("The token is not valid yet");
  }
}

function jsonObject(part) {
  let value;
  try {
    value = JSON.parse(Buffer.from(part, "base64url").toString());
  } catch {
    value = undefined;
  }
  if (value === null || typeof value !== "object" || Array.isArray(value)) {
    throw new TokenError("The token is not one of BioT's");
  }
  return value;
}
