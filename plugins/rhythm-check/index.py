"""Looks at the heartbeats of a usage session that has changed: one log line where they are irregular, for an alarm.

BioT sends four kinds of call to one handler: the header `hooktype` tells them apart, a schedule has no headers at all.
"""

import base64
import json
import os
import sys

from rhythm import irregularity, settings_from

# Read when the function starts: a wrong setting fails every call, loudly, instead of missing a rhythm.
SETTINGS = settings_from(os.environ)


def handler(event, context):
    headers = {name.lower(): value for name, value in (event.get("headers") or {}).items()}
    hook = headers.get("hooktype")
    if "headers" not in event and "body" not in event:
        log(trace_id_of(headers, {}, context), "called by its schedule: nothing to do")
        return {"statusCode": 200}
    try:
        body = body_of(event)
    except ValueError:
        trace_id = trace_id_of(headers, {}, context)
        return refusal("BODY_NOT_JSON", "The body of the call must be a JSON object", trace_id)

    trace_id = trace_id_of(headers, body, context)
    if hook == "NOTIFICATION":
        check(body, trace_id)
        return {"statusCode": 200}
    if hook == "INTERCEPTOR_PRE":
        return {"request": body.get("request")}
    if hook in ("INTERCEPTOR_POST", "INTERCEPTOR_POST_ENTITY"):
        return {"response": body.get("response")}
    return refusal("NOT_A_HOOK", "This plugin answers BioT's notifications only", trace_id)


def check(body, trace_id):
    entity = (body.get("data") or {}).get("entity") or {}
    found = irregularity((entity.get("_summary") or {}).get("rr_intervals"), SETTINGS)
    if found is not None and found >= SETTINGS.irregular_from:
        # Which session, and not its heartbeats: those are the patient's.
        log(trace_id, "irregular rhythm", usageSessionId=entity.get("_id"))


def body_of(event):
    body = event.get("body") or "{}"
    if event.get("isBase64Encoded"):
        body = base64.b64decode(body)
    parsed = json.loads(body)
    if not isinstance(parsed, dict):
        raise ValueError("not an object")
    return parsed


def refusal(code, message, trace_id):
    """BioT's own error format."""
    body = {
        "code": code,
        "message": message,
        "serviceName": os.environ.get("BIOT_APP_NAME", "Rhythm Check"),
        "traceId": trace_id,
        "environment": os.environ.get("BIOT_SERVICE_ENVIRONMENT", ""),
        "details": {},
    }
    return {"statusCode": 400, "headers": {"content-type": "application/json"}, "body": json.dumps(body)}


def trace_id_of(headers, body, context):
    known = (body.get("metadata") or {}).get("traceId")
    parts = headers.get("traceparent", "").split("-")
    return known or (parts[1] if len(parts) == 4 else getattr(context, "aws_request_id", ""))


def log(trace_id, message, **fields):
    """One JSON line. Never the event: it holds BioT's token and the patient's data."""
    sys.stdout.write(json.dumps({"traceId": trace_id, "message": message, **fields}) + "\n")
