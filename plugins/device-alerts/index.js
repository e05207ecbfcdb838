// Logs one line when a device starts to need attention, for an alarm to act on.

import { newReasons, settingsFrom } from "./attention.js";
import * as biot from "./biot.js";
import { Refusal, log } from "./biot.js";

// Read when the function starts: a wrong setting fails every call, loudly, instead of losing alerts.
const settings = settingsFrom(process.env);

export async function handler(event, context) {
  try {
    return respond(await biot.readCall(event, context));
  } catch (error) {
    if (error instanceof Refusal) {
      return error.response();
    }
    throw error;
  }
}

function respond({ kind, body }) {
  switch (kind) {
    case biot.NOTIFICATION:
      alert(body);
      break;
    case biot.REQUEST:
      return { request: body.request };
    case biot.RESPONSE:
    case biot.ENTITIES:
      return { response: body.response };
    case biot.SCHEDULE:
      log("nothing to do", { kind });
      break;
    case biot.DIRECT:
      throw new Refusal(400, "NOT_A_HOOK", "This plugin answers BioT's notifications only");
  }
  return { statusCode: 200 };
}

function alert({ metadata, data }) {
  const before = data?.additionalData?.oldEntity;
  const reasons = metadata?.entityTypeName === "device" ? newReasons(data?.entity, before, settings) : [];
  if (reasons.length > 0) {
    log("device needs attention", { deviceId: data.entity._id, reasons });
  }
}
