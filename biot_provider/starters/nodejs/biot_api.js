// Calls to BioT as this plugin's own service user; BioT gives its id and key to each plugin that it deploys.
//
//   import { call } from "./biot_api.js";
//   const patient = await call("GET", `/organization/v1/users/patients/${patientId}`);

import { send } from "./biot.js";

// Milliseconds before a token's end at which it is no longer used, and the life of one without a readable end.
const MARGIN = 60_000;
const UNKNOWN_LIFE = 300_000;

const token = { text: undefined, until: 0 };

// An error response of BioT: `status`, and `code`, BioT's word for the reason.
export class ApiError extends Error {
  constructor(method, path, status, code) {
    super(`BioT answered ${status} ${code ?? ""} to ${method} ${path}`);
    Object.assign(this, { status, code });
  }
}

// Returns the JSON of the response, undefined when it is empty. Throws ApiError, and another error when BioT cannot be
// reached.
export async function call(method, path, body) {
  return request(method, path, body, { authorization: `Bearer ${await accessToken()}` });
}

// One token serves until shortly before its end: issuing them is costly for the platform.
async function accessToken() {
  if (Date.now() >= token.until) {
    const user = { id: process.env.BIOT_SERVICE_USER_ID, secretKey: process.env.BIOT_SERVICE_USER_SECRET_KEY };
    const response = await request("POST", "/ums/v2/services/accessToken", user);
    const end = Date.parse(response.accessTokenExpiration) || Date.now() + UNKNOWN_LIFE;
    Object.assign(token, { text: response.accessToken, until: end - MARGIN });
  }
  return token.text;
}

async function request(method, path, body, headers) {
  const { ok, status, json } = await send(method, path, body, headers);
  if (!ok) {
    if (status === 401) {
      token.until = 0;
    }
    throw new ApiError(method, path, status, json?.code);
  }
  return json;
}
