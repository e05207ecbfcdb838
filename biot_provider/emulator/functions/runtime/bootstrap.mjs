// Loads a Node.js handler and answers calls with it, as Lambda's own runtime does.
//
// Run in the function's process. Messages come in as JSON lines by a file descriptor of their own and go out by another:
// standard and error output are the plugin's. When a call is over, and what ends it, is as in AWS's
// aws-lambda-nodejs-runtime-interface-client, version 3 for nodejs22.x and before, version 4 from nodejs24.x on.

import { writeSync } from "node:fs";
import { Socket } from "node:net";
import { createInterface } from "node:readline";
import { LoadError, load } from "./loading.mjs";
import { show, describe } from "./thrown.mjs";
import { ResponseStream, TooLarge, isStreaming, provideStreaming } from "./streaming.mjs";

const REQUESTS = 3;
const ANSWERS = 4;
const UNSETTLED = "the handler's promise never settled: nothing is left to run, and it has no answer";
const STREAM_OPEN = "the response stream was never ended: call responseStream.end()";
const NO_ANSWER = "the handler ended without an answer: it returned no promise and called no callback";
// Lambda calls handlers with a callback, and waits for an empty event loop, up to nodejs22.x.
const CALLBACKS = !(Number(/nodejs(\d+)/.exec(process.env.AWS_EXECUTION_ENV)?.[1]) >= 24);

// The call that is being answered, or the loading of the code: `finished` from the first thing that ends it on, with an
// `outcome` once that is known, and what to do `whenIdle`, with nothing left in the event loop.
let current = null;
let maxAnswer = 0;

const input = new Socket({ fd: REQUESTS, readable: true, writable: false });
// What goes wrong with it means that the caller is gone, and then the guard ends this process.
input.on("error", () => {});
const messages = createInterface({ input, crlfDelay: Infinity })[Symbol.asyncIterator]();

process.on("uncaughtException", (error) => fatal(error, "Handler.Raised", "", 129));
process.on("unhandledRejection", (error) => {
  fatal(error, "Runtime.UnhandledPromiseRejection", "unhandled rejection: ", 128);
});
process.on("beforeExit", () => {
  const act = current?.whenIdle;
  if (act) {
    current.whenIdle = null;
    act();
  }
});
// A call that is answered stays so although the handler ends the process behind it.
process.on("exit", () => {
  if (CALLBACKS && current?.outcome) send(current, true);
});

await main();

async function main() {
  provideStreaming();
  const first = await next();
  maxAnswer = first.maxAnswer;
  let handler;
  const loading = begin(first.id, null);
  loading.whenIdle = () => {
    refuse(loading, "Runtime.NodeJsExit", "the code never finished loading: a top-level await never settled");
  };
  try {
    handler = await load(first.handler, CALLBACKS, isStreaming);
  } catch (error) {
    if (!(error instanceof LoadError)) throw error;
    return refuse(loading, error.type, error.message);
  }
  loading.outcome = ["answer", "null"];
  send(loading, false);
  for (let message = await next(); message !== null; message = await next()) {
    await new Promise((resolve) => call(handler, message, begin(message.id, resolve)));
  }
}

async function next() {
  const { value, done } = await messages.next();
  return done ? null : JSON.parse(value);
}

function begin(id, resolve) {
  // Meanwhile only what the plugin waits for keeps the event loop going: see beforeExit.
  input.unref();
  current = { id, resolve, finished: false, outcome: null, whenIdle: null };
  return current;
}

function call(handler, message, own) {
  if (isStreaming(handler)) return callStreaming(handler, message, own);
  return CALLBACKS ? callWithCallback(handler, message, own) : callAsync(handler, message, own);
}

// From nodejs24.x on: what the handler returns is the answer, or what its promise becomes.
async function callAsync(handler, message, own) {
  own.whenIdle = () => refuse(own, "Runtime.NodeJsExit", UNSETTLED, 13);
  try {
    answered(own, await handler(message.event, context(message)));
  } catch (error) {
    raised(own, error);
  }
}

// Up to nodejs22.x: a promise or `context.succeed` answers at once, the callback once the event loop is empty.
function callWithCallback(handler, message, own) {
  const first = (act) => (...given) => {
    if (own.finished) return;
    own.finished = true;
    own.whenIdle = null;
    act(...given);
  };
  const done = first((error, answer) => (error === undefined || error === null ? answered(own, answer) : raised(own, error)));
  const succeed = (answer) => done(null, answer);
  const fail = (error) => done(error ?? "handled");
  const given = { ...context(message), callbackWaitsForEmptyEventLoop: true, done, succeed, fail };
  const callback = first((error, answer) => {
    if (error !== undefined && error !== null) raised(own, error);
    else if (given.callbackWaitsForEmptyEventLoop) whenIdle(own, () => answered(own, answer));
    else answered(own, answer);
  });
  let returned = false;
  own.whenIdle = () => {
    if (handler.constructor?.name === "AsyncFunction") return refuse(own, "Runtime.NodeJsExit", UNSETTLED);
    console.error(returned ? UNSETTLED : NO_ANSWER);
    answered(own, null);
  };
  try {
    const result = handler(message.event, given, callback);
    returned = typeof result?.then === "function";
    if (returned) result.then(succeed, fail);
  } catch (error) {
    callback(error);
  }
}

async function callStreaming(handler, message, own) {
  const stream = new ResponseStream(maxAnswer);
  const given = { ...context(message), ...(CALLBACKS && { callbackWaitsForEmptyEventLoop: true }) };
  own.whenIdle = () => refuse(own, "Runtime.NodeJsExit", UNSETTLED);
  try {
    const result = handler(message.event, stream, given);
    if (typeof result?.then !== "function") throw new Error("Streaming does not support non-async handlers.");
    if ((await result) !== undefined) console.warn("Streaming handlers ignore return values.");
    own.whenIdle = () => refuse(own, "Runtime.InvalidStreamingOperation", STREAM_OPEN);
    const answer = await stream.answer();
    if (given.callbackWaitsForEmptyEventLoop) whenIdle(own, () => answered(own, answer));
    else answered(own, answer);
  } catch (error) {
    if (error instanceof TooLarge) refuse(own, "Function.ResponseSizeTooLarge", error.message);
    else raised(own, error);
  }
}

// The time limit ends the wait: then the caller names what was in the way.
function whenIdle(own, act) {
  own.whenIdle = act;
  setImmediate(() => {
    const busy = new Set(process.getActiveResourcesInfo?.());
    // What this runtime itself has open.
    for (const name of ["Immediate", "PipeWrap"]) busy.delete(name);
    if (current === own && busy.size > 0) write(own.id, "waiting", JSON.stringify([...busy].join(", ")));
  });
}

function context(message) {
  const environment = process.env;
  const name = environment.AWS_LAMBDA_FUNCTION_NAME;
  return {
    awsRequestId: message.id,
    functionName: name,
    functionVersion: environment.AWS_LAMBDA_FUNCTION_VERSION,
    invokedFunctionArn: `arn:aws:lambda:${environment.AWS_REGION}:000000000000:function:${name}`,
    memoryLimitInMB: environment.AWS_LAMBDA_FUNCTION_MEMORY_SIZE,
    logGroupName: environment.AWS_LAMBDA_LOG_GROUP_NAME,
    logStreamName: environment.AWS_LAMBDA_LOG_STREAM_NAME,
    getRemainingTimeInMillis: () => Math.max(0, message.deadline - Date.now()),
  };
}

function answered(own, answer) {
  let text;
  try {
    text = JSON.stringify(answer === undefined ? null : answer);
  } catch (error) {
    return refuse(own, "Runtime.JSONStringifyError", `the handler's answer is not JSON: ${describe(error).split("\n")[0]}`);
  }
  if (text === undefined) {
    return refuse(own, "Runtime.JSONStringifyError", `the handler's answer is not JSON: it is a ${typeof answer}`);
  }
  const size = Buffer.byteLength(text);
  if (size > maxAnswer) {
    const problem = `the handler's answer has ${size} bytes, more than Lambda's limit of ${maxAnswer}`;
    return refuse(own, "Function.ResponseSizeTooLarge", problem);
  }
  settle(own, ["answer", text]);
}

function raised(own, error) {
  show(error);
  refuse(own, "Handler.Raised", describe(error));
}

function refuse(own, type, text, exitCode) {
  settle(own, ["error", JSON.stringify([type, text])], exitCode);
}

// What runs in this turn of the event loop still belongs to the call; after it the process is frozen.
function settle(own, outcome, exitCode) {
  if (current !== own || own.outcome !== null) return;
  own.finished = true;
  own.outcome = outcome;
  setImmediate(() => {
    send(own, exitCode !== undefined);
    if (exitCode !== undefined) process.exit(exitCode);
  });
}

// What nobody caught: the process is of no use any more. Up to nodejs22.x a call that is answered stays so.
function fatal(error, type, how, code) {
  const own = current;
  const isAnswered = own === null || (own.outcome !== null && CALLBACKS);
  if (isAnswered) console.error("left behind by a call that was answered:");
  else own.outcome = ["error", JSON.stringify([type, how + describe(error)])];
  show(error);
  if (own !== null) send(own, true);
  process.exit(code);
}

function send(own, last) {
  if (current !== own) return;
  current = null;
  const [name, content] = own.outcome;
  write(own.id, name, content, last ? ', "last": true' : "");
  input.ref();
  own.resolve?.();
}

function write(id, name, content, more = "") {
  const line = Buffer.from(`{"id": ${JSON.stringify(id)}, "${name}": ${content}${more}}\n`);
  try {
    for (let start = 0; start < line.length; ) start += writeSync(ANSWERS, line, start);
  } catch {
    console.error("the plugin has closed the file descriptor that its answers go through");
    process.exit(1);
  }
}
