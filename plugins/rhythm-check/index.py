"""Looks at the heartbeats of a usage session that has changed: one log line where they are irregular, for an alarm."""

import os
from typing import Any

import biot
from biot import Refusal, log
from rhythm import irregularity, settings_from

# Read when the function starts: a wrong setting fails every call, loudly, instead of missing a rhythm.
SETTINGS = settings_from(os.environ)


def handler(event: dict[str, Any], context: object) -> dict[str, Any]:
    try:
        return respond(biot.read_call(event, context))
    except Refusal as refusal:
        return refusal.response()


def respond(call: biot.Call) -> dict[str, Any]:
    match call.kind:
        case biot.NOTIFICATION:
            check(call.body)
        case biot.REQUEST:
            return {"request": call.body.get("request")}
        case biot.RESPONSE | biot.ENTITIES:
            return {"response": call.body.get("response")}
        case biot.SCHEDULE:
            log("nothing to do", kind=call.kind)
        case biot.DIRECT:
            raise Refusal(400, "NOT_A_HOOK", "This plugin answers BioT's notifications only")
    return {"statusCode": 200}


def check(body: dict[str, Any]) -> None:
    entity = (body.get("data") or {}).get("entity") or {}
    found = irregularity((entity.get("_summary") or {}).get("rr_intervals"), SETTINGS)
    if found is not None and found >= SETTINGS.irregular_from:
        # Which session, and not its heartbeats: those are the patient's.
        log("irregular rhythm", usageSessionId=entity.get("_id"))
