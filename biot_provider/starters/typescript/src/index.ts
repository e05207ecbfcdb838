// My Plugin: what it does with each kind of call.
//
// `handler` receives every call, has its token verified and passes it to its function below. Fill in those you need; to
// refuse a call, throw a `Refusal` with a status, a code and a message.

import * as biot from "./biot.js";
import { Refusal, log } from "./biot.js";

type Json = Record<string, any>;
type Call = { kind: string; body?: Json; caller?: Json };

// Returns the request, changed or not, before an API runs (PRE_REQUEST).
//
// `request` has path, queryParameters, headers and body; `call` names the caller (initiatorData) and the API (method,
// entityName, apiId).
async function onRequest(request: Json, call: Json): Promise<Json> {
  log("onRequest", { apiId: call.apiId });
  return request;
}

// Returns the response, changed or not, after an API has run (POST_REQUEST); `response.body` is the API's.
async function onResponse(response: Json, call: Json): Promise<Json> {
  log("onResponse", { apiId: call.apiId });
  return response;
}

// Returns the entities, changed or not, before the caller gets them (ADAPT_ENTITY).
async function onEntities(entities: Json[], call: Json): Promise<Json[]> {
  log("onEntities", { entityName: call.entityName, count: entities.length });
  return entities;
}

// Handles an event: `metadata` has its entity type and action, `data.entity` the entity after it.
async function onNotification(metadata: Json, data: Json): Promise<void> {
  log("onNotification", { entityTypeName: metadata.entityTypeName, actionName: metadata.actionName });
}

// Runs at the times of `cronSchedule` in plugin.yaml.
async function onSchedule(): Promise<void> {
  log("onSchedule");
}

// Returns the response to a call of the plugin's address; `biot.bodyOf(event)` reads the JSON of the call.
//
// `caller` holds the claims of the caller's BioT token (scopes, and sub or serviceUserId), undefined if there was none.
// The address is public: decide what a caller without a token may do.
async function onCall(event: Json, caller: Json | undefined): Promise<unknown> {
  if (caller === undefined) {
    throw new Refusal(401, "TOKEN_NOT_VALID", "The call has no BioT token");
  }
  log("onCall");
  return { message: "Hello from My Plugin" };
}

// Handles a call; this is what Lambda runs.
export async function handler(event: Json, context: Json): Promise<unknown> {
  try {
    return await respond((await biot.readCall(event, context)) as Call, event);
  } catch (error) {
    if (error instanceof Refusal) {
      return error.response();
    }
    throw error;
  }
}

// Passes the call to its function and returns the response in BioT's format.
async function respond({ kind, body = {}, caller }: Call, event: Json): Promise<unknown> {
  switch (kind) {
    case biot.REQUEST: {
      const { path, queryParameters, headers, body: content } = await onRequest(body.request, body);
      return { request: { path, queryParameters, headers, body: content } };
    }
    case biot.RESPONSE:
      return { response: await onResponse(body.response, body) };
    case biot.ENTITIES:
      return { response: { ...body.response, entities: await onEntities(body.response.entities, body) } };
    case biot.NOTIFICATION:
      await onNotification(body.metadata, body.data);
      break;
    case biot.SCHEDULE:
      await onSchedule();
      break;
    case biot.DIRECT:
      return onCall(event, caller);
  }
  return { statusCode: 200 };
}
