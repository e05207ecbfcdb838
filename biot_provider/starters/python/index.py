"""My Plugin: what it does with each kind of call.

`handler` receives every call, has its token verified and passes it to its function below. Fill in those you need; to
refuse a call, raise `Refusal` with a status, a code and a message.
"""

from typing import Any

import biot
from biot import Refusal, log

Json = dict[str, Any]


def on_request(request: Json, call: Json) -> Json:
    """Return the request, changed or not, before an API runs (PRE_REQUEST).

    `request` has path, queryParameters, headers and body; `call` names the caller (initiatorData) and the API (method,
    entityName, apiId).
    """
    log("on_request", apiId=call.get("apiId"))
    return request


def on_response(response: Json, call: Json) -> Json:
    """Return the response, changed or not, after an API has run (POST_REQUEST); `response["body"]` is the API's."""
    log("on_response", apiId=call.get("apiId"))
    return response


def on_entities(entities: list[Json], call: Json) -> list[Json]:
    """Return the entities, changed or not, before the caller gets them (ADAPT_ENTITY)."""
    log("on_entities", entityName=call.get("entityName"), count=len(entities))
    return entities


def on_notification(metadata: Json, data: Json) -> None:
    """Handle an event: `metadata` has its entity type and action, `data["entity"]` the entity after it."""
    log("on_notification", entityTypeName=metadata.get("entityTypeName"), actionName=metadata.get("actionName"))


def on_schedule() -> None:
    """Run at the times of `cronSchedule` in plugin.yaml."""
    log("on_schedule")


def on_call(event: Json, caller: Json | None) -> Any:
    """Return the response to a call of the plugin's address; `biot.body_of(event)` reads the JSON of the call.

    `caller` holds the claims of the caller's BioT token (scopes, and sub or serviceUserId), None if there was none.
    The address is public: decide what a caller without a token may do.
    """
    if caller is None:
        raise Refusal(401, "TOKEN_NOT_VALID", "The call has no BioT token")
    log("on_call")
    return {"message": "Hello from My Plugin"}


def handler(event: Json, context: object) -> Any:
    """Handle a call; this is what Lambda runs."""
    try:
        return respond(biot.read_call(event, context), event)
    except Refusal as refusal:
        return refusal.response()


def respond(call: biot.Call, event: Json) -> Any:
    """Pass the call to its function and return the response in BioT's format."""
    body = call.body
    match call.kind:
        case biot.REQUEST:
            request = on_request(body["request"], body)
            accepted = ("path", "queryParameters", "headers", "body")
            return {"request": {name: request[name] for name in accepted if name in request}}
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
