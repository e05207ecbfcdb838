"""My Plugin: what it does with each kind of call.

`handler` gets all of them, has their tokens verified, and hands each to its function below. Fill in those you need; to
refuse a call, raise `Refusal` with a status, a code and a message.
"""

import biot
from biot import Refusal, log


def on_request(request, call):
    """Before an API runs (PRE_REQUEST): the request, changed or not.

    `request` has path, queryParameters, headers and body; `call` says whose it is (initiatorData) and to which API
    (method, entityName, apiId).
    """
    log("on_request", apiId=call.get("apiId"))
    return request


def on_response(response, call):
    """After an API has run (POST_REQUEST): its response, changed or not; `response["body"]` is what the API answers."""
    log("on_response", apiId=call.get("apiId"))
    return response


def on_entities(entities, call):
    """Before entities are answered (ADAPT_ENTITY): the list of them, changed or not."""
    log("on_entities", entityName=call.get("entityName"), count=len(entities))
    return entities


def on_notification(metadata, data):
    """After something has happened: `metadata` says what and to which type, `data["entity"]` how it is now."""
    log("on_notification", entityTypeName=metadata.get("entityTypeName"), actionName=metadata.get("actionName"))


def on_schedule():
    """At the times of `cronSchedule` in plugin.yaml."""
    log("on_schedule")


def on_call(event, caller):
    """A call to the plugin's address by anybody: what this returns is the answer; `biot.body_of(event)` reads its JSON.

    `caller` holds the claims of the caller's BioT token (scopes, and sub or serviceUserId), None if there was none.
    The address is public: decide what a caller without a token may do.
    """
    if caller is None:
        raise Refusal(401, "TOKEN_NOT_VALID", "The call has no BioT token")
    log("on_call")
    return {"message": "Hello from My Plugin"}


def handler(event, context):
    """What Lambda runs."""
    try:
        call = biot.read_call(event, context)
        return answer(call, event)
    except Refusal as refusal:
        return refusal.answer()


def answer(call, event):
    """What BioT, or whoever calls, is told."""
    body = call.body
    match call.kind:
        case biot.REQUEST:
            request = on_request(body["request"], body)
            sent_on = ("path", "queryParameters", "headers", "body")
            return {"request": {name: request[name] for name in sent_on if name in request}}
        case biot.RESPONSE:
            return {"response": on_response(body["response"], body)}
        case biot.ENTITIES:
            response = body["response"]
            return {"response": {**response, "entities": on_entities(response["entities"], body)}}
        case biot.NOTIFICATION:
            on_notification(body["metadata"], body["data"])
        case biot.SCHEDULE:
            on_schedule()
        case biot.DIRECT:
            return on_call(event, call.caller)
    return {"statusCode": 200}
