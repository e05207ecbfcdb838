// My Plugin: what it does with each kind of call.
//
// `handler` gets all of them, has their tokens verified, and hands each to its function below. Fill in those you need; to
// refuse a call, throw a `Refusal` with a status, a code and a message.

import * as biot from "./biot.js";
import { Refusal, log } from "./biot.js";

// Before an API runs (PRE_REQUEST): the request, changed or not.
//
// `request` has path, queryParameters, headers and body; `call` says whose it is (initiatorData) and to which API
// (method, entityName, apiId).
async function onRequest(request, call) {
  log("onRequest", { apiId: call.apiId });
  return request;
}

// After an API has run (POST_REQUEST): its response, changed or not; `response.body` is what the API answers.
async function onResponse(response, call) {
  log("onResponse", { apiId: call.apiId });
  return response;
}

// Before entities are answered (ADAPT_ENTITY): the list of them, changed or not.
async function onEntities(entities, call) {
  log("onEntities", { entityName: call.entityName, count: entities.length });
  return entities;
}

// After something has happened: `metadata` says what and to which type, `data.entity` how it is now.
async function onNotification(metadata, data) {
  log("onNotification", { entityTypeName: metadata.entityTypeName, actionName: metadata.actionName });
}

// At the times of `cronSchedule` in plugin.yaml.
async function onSchedule() {
  log("onSchedule");
}

// A call to the plugin's address by anybody: what this returns is the answer; `biot.bodyOf(event)` reads its JSON.
//
// `caller` holds the claims of the caller's BioT token (scopes, and sub or serviceUserId), undefined if there was none.
// The address is public: decide what a caller without a token may do.
async function onCall(event, caller) {
  if (caller === undefined) {
    throw new Refusal(401, "TOKEN_NOT_VALID", "The call has no BioT token");
  }
  log("onCall");
  return { message: "Hello from My Plugin" };
}

// What Lambda runs.
export async function handler(event, context) {
  try {
    return await answerTo(await biot.readCall(event, context), event);
  } catch (error) {
    if (error instanceof Refusal) {
      return error.answer();
    }
    throw error;
  }
}

// What BioT, or whoever calls, is told.
async function answerTo({ kind, body, caller }, event) {
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
