"""Refuses calls that would store vital signs no living patient has: a probe that fell off, a unit mixed up.

BioT sends four kinds of call to one handler: the header `hooktype` tells them apart, a schedule has no headers at all.
"""

import base64
import json
import os
import sys

from vitals import ranges_from, violations

# Read when the function starts: a wrong range fails every call, loudly, instead of letting values pass.
RANGES = ranges_from(os.environ)


def handler(event, context):
    headers = {name.lower(): value for name, value in (event.get("headers") or {}).items()}
    hook = headers.get("hooktype")
    trace_id = trace_id_of(headers, context)
    if "headers" not in event and "body" not in event:
        log(trace_id, "called by its schedule: nothing to do")
        return {"statusCode": 200}
    try:
        body = body_of(event)
    except ValueError:
        return refusal(400, "BODY_NOT_JSON", "The body of the call must be a JSON object", trace_id)

    if hook == "INTERCEPTOR_PRE":
        return guard(body, trace_id)
    if hook in ("INTERCEPTOR_POST", "INTERCEPTOR_POST_ENTITY"):
        return {"response": body.get("response")}
    if hook == "NOTIFICATION":
        log(trace_id, "notified: nothing to do")
        return {"statusCode": 200}
    return refusal(400, "NOT_A_HOOK", "This plugin answers BioT's interceptions only", trace_id)


def guard(body, trace_id):
    request = body.get("request") or {}
    found = violations(request.get("body"), RANGES)
    if found:
        # Which vital signs, and not their values: those are the patient's.
        log(trace_id, "refused", apiId=body.get("apiId"), vitalSigns=sorted({name for name, _, _ in found}))
        details = {name: f"{value} is not within {low:g}..{high:g}" for name, value, (low, high) in found}
        named = "; ".join(f"{name}: {text}" for name, text in details.items())
        return refusal(400, "VITAL_SIGN_OUT_OF_RANGE", f"Vital signs out of range: {named}", trace_id, details)
    passed = ("path", "queryParameters", "headers", "body")
    return {"request": {name: request[name] for name in passed if name in request}}


def body_of(event):
    body = event.get("body") or "{}"
    if event.get("isBase64Encoded"):
        body = base64.b64decode(body)
    parsed = json.loads(body)
    if not isinstance(parsed, dict):
        raise ValueError("not an object")
    return parsed


def refusal(status, code, message, trace_id, details=None):
    """BioT's own error format; any status but 2xx blocks the call."""
    body = {
        "code": code,
        "message": message,
        "serviceName": os.environ.get("BIOT_APP_NAME", "Vitals Guard"),
        "traceId": trace_id,
        "environment": os.environ.get("BIOT_SERVICE_ENVIRONMENT", ""),
        "details": details or {},
    }
    return {"statusCode": status, "headers": {"content-type": "application/json"}, "body": json.dumps(body)}


def trace_id_of(headers, context):
    parts = headers.get("traceparent", "").split("-")
    return parts[1] if len(parts) == 4 else getattr(context, "aws_request_id", "")


def log(trace_id, message, **fields):
    """One JSON line. Never the event: it holds the caller's token and the patient's data."""
    sys.stdout.write(json.dumps({"traceId": trace_id, "message": message, **fields}) + "\n")
