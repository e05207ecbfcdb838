"""Refuses calls that would store vital signs no living patient has: a probe that fell off, a unit mixed up."""

import os
from typing import Any

import biot
from biot import Refusal, log
from vitals import ranges_from, violations

# Read when the function starts: a wrong range fails every call, loudly, instead of letting values pass.
RANGES = ranges_from(os.environ)


def handler(event: dict[str, Any], context: object) -> dict[str, Any]:
    try:
        return respond(biot.read_call(event, context))
    except Refusal as refusal:
        return refusal.response()


def respond(call: biot.Call) -> dict[str, Any]:
    match call.kind:
        case biot.REQUEST:
            return guard(call.body)
        case biot.RESPONSE | biot.ENTITIES:
            return {"response": call.body.get("response")}
        case biot.DIRECT:
            raise Refusal(400, "NOT_A_HOOK", "This plugin answers BioT's interceptions only")
    log("nothing to do", kind=call.kind)
    return {"statusCode": 200}


def guard(body: dict[str, Any]) -> dict[str, Any]:
    request = body.get("request") or {}
    found = violations(request.get("body"), RANGES)
    if found:
        # Which vital signs, and not their values: those are the patient's.
        log("out of range", apiId=body.get("apiId"), vitalSigns=sorted({name for name, _, _ in found}))
        details = {name: f"{value} is not within {low:g}..{high:g}" for name, value, (low, high) in found}
        named = "; ".join(f"{name}: {text}" for name, text in details.items())
        raise Refusal(400, "VITAL_SIGN_OUT_OF_RANGE", f"Vital signs out of range: {named}", details)
    accepted = ("path", "queryParameters", "headers", "body")
    return {"request": {name: request[name] for name in accepted if name in request}}
