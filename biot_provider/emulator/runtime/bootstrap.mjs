// Loads a Node.js handler and answers calls with it, as Lambda's own runtime does.
//
// Run in the function's process. Messages come in as JSON lines by a file descriptor of their own and go out by another:
// standard and error output are the plugin's.

import { spawnSync } from "node:child_process";
import { existsSync, statSync, writeSync } from "node:fs";
import { createRequire } from "node:module";
import { Socket } from "node:net";
import { basename, dirname, join, sep } from "node:path";
import { createInterface } from "node:readline";
import { pathToFileURL } from "node:url";

const REQUESTS = 3;
const ANSWERS = 4;
const ROOT = process.cwd();
const NO_CALLBACKS = 24; // From this version on Lambda calls no handler that wants a callback.
const NO_FOLDERS = 24; // From this version on Lambda imports the handler's module, and no folder can be imported.

class LoadError extends Error {
  constructor(type, message) {
    super(message);
    this.type = type;
  }
}

// The call that is being answered: the first thing that answers it counts.
let current = null;
let maxAnswer = 0;

const input = new Socket({ fd: REQUESTS, readable: true, writable: false });
// What goes wrong with it means that the caller is gone, and then the guard ends this process.
input.on("error", () => {});
const messages = createInterface({ input, crlfDelay: Infinity })[Symbol.asyncIterator]();

process.on("uncaughtException", (error) => fatal(error, ""));
process.on("unhandledRejection", (error) => fatal(error, "unhandled rejection: "));
process.on("beforeExit", () => {
  if (current !== null) {
    console.error("the handler ended without an answer: it returned no promise and called no callback");
    settle("answer", "null");
  }
});

await main();

async function main() {
  const first = await next();
  maxAnswer = first.maxAnswer;
  let handler;
  current = { id: first.id };
  try {
    handler = await load(first.handler);
  } catch (error) {
    if (!(error instanceof LoadError)) throw error;
    settle("error", JSON.stringify([error.type, error.message]));
    return;
  }
  settle("answer", "null");
  for (let message = await next(); message !== null; message = await next()) {
    await call(handler, message);
  }
}

async function next() {
  const { value, done } = await messages.next();
  return done ? null : JSON.parse(value);
}

function call(handler, message) {
  return new Promise((resolve) => {
    current = { id: message.id, resolve };
    // While a call runs, only what the plugin waits for keeps the process going: see beforeExit.
    input.unref();
    const own = current;
    const callback = (error, answer) => {
      if (current === own) error ? raised(error, "") : answered(answer);
    };
    try {
      const result = handler(message.event, context(message, callback), callback);
      if (typeof result?.then === "function") {
        result.then((answer) => callback(null, answer), (error) => callback(error ?? new Error(String(error))));
      }
    } catch (error) {
      callback(error ?? new Error(String(error)));
    }
  });
}

function context(message, callback) {
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
    callbackWaitsForEmptyEventLoop: true,
    getRemainingTimeInMillis: () => Math.max(0, message.deadline - Date.now()),
    done: callback,
    succeed: (answer) => callback(null, answer),
    fail: (error) => callback(error ?? new Error("failed")),
  };
}

async function load(name) {
  const [, module, path] = /^([^.]+)\.(.+)$/.exec(basename(name)) ?? [];
  if (module === undefined) {
    const text = `the handler '${name}' names no function: it is written file.function, for example index.handler`;
    throw new LoadError("Runtime.MalformedHandlerName", text);
  }
  const major = Number(/nodejs(\d+)/.exec(process.env.AWS_EXECUTION_ENV)?.[1]);
  const folder = join(ROOT, dirname(name.replace(/^\/var\/task\//, "")));
  const file = located(folder, module, major);
  if (file === undefined) {
    const missing = short(join(folder, module));
    throw new LoadError("Runtime.ImportModuleError", `the handler '${name}' needs ${missing}.js, which is not in the package`);
  }
  const exports = await imported(file);
  const handler = found(exports, path) ?? found(exports.default, path);
  if (typeof handler !== "function") {
    throw new LoadError("Runtime.HandlerNotFound", `${short(file)} exports no function '${path}', which the handler names`);
  }
  if (major >= NO_CALLBACKS && handler.length >= 3) {
    const text = `the handler takes a callback, which Lambda does not call from nodejs${NO_CALLBACKS}.x on: make it async`;
    throw new LoadError("Runtime.CallbackHandlerDeprecated", text);
  }
  return handler;
}

// Where Lambda finds a module: as it stands, which may be a folder where it is required, not imported; with an ending;
// among the packages.
function located(folder, module, major) {
  const place = join(folder, module);
  const { resolve } = createRequire(join(ROOT, "index.js"));
  try {
    if (existsSync(place)) return major >= NO_FOLDERS && statSync(place).isDirectory() ? undefined : resolve(place);
    const file = [".js", ".mjs", ".cjs"].map((end) => place + end).find((candidate) => existsSync(candidate));
    return file ?? resolve(module, { paths: [ROOT, folder] });
  } catch (error) {
    if (error?.code === "MODULE_NOT_FOUND") return undefined;
    throw error;
  }
}

async function imported(file) {
  try {
    return await import(pathToFileURL(file).href);
  } catch (error) {
    show(error);
    if (["ERR_MODULE_NOT_FOUND", "MODULE_NOT_FOUND"].includes(error?.code)) {
      const what = shortened(String(error.message).split("\n")[0].split(" imported from ")[0]);
      throw new LoadError("Runtime.ImportModuleError", `${short(file)} cannot be loaded: ${what}: put what it needs into the package`);
    }
    if (error instanceof SyntaxError) {
      throw new LoadError("Runtime.UserCodeSyntaxError", `${wrongPlace(error, file)}: ${error.message}`);
    }
    throw new LoadError("Handler.Raised", `${short(file)} raised while it was loaded: ${told(error)}`);
  }
}

// File and line of a syntax error: only Node.js itself tells it, for a file that it is started with.
function wrongPlace(error, file) {
  const said = [String(error.stack), spawnSync(process.execPath, [file], { timeout: 5000, env: {} }).stderr?.toString() ?? ""];
  const place = said.map((text) => /^(?:file:\/\/)?(\/.+):(\d+)$/m.exec(text)).find((match) => match !== null);
  return place ? `${short(place[1])}, line ${place[2]}` : short(file);
}

function found(exports, path) {
  return path.split(".").reduce((value, name) => value?.[name], exports);
}

function answered(answer) {
  let text;
  try {
    text = JSON.stringify(answer === undefined ? null : answer);
  } catch (error) {
    return settle("error", JSON.stringify(["Runtime.BadAnswer", `the handler's answer is not JSON: ${error.message.split("\n")[0]}`]));
  }
  if (text === undefined) {
    return settle("error", JSON.stringify(["Runtime.BadAnswer", `the handler's answer is not JSON: it is a ${typeof answer}`]));
  }
  const size = Buffer.byteLength(text);
  if (size > maxAnswer) {
    const problem = `the handler's answer has ${size} bytes, more than Lambda's limit of ${maxAnswer}`;
    return settle("error", JSON.stringify(["Function.ResponseSizeTooLarge", problem]));
  }
  return settle("answer", text);
}

function raised(error, how) {
  show(error);
  settle("error", JSON.stringify(["Handler.Raised", how + told(error)]));
}

// What nobody caught: the process is of no use any more.
function fatal(error, how) {
  if (current === null) show(error);
  else raised(error, how);
  process.exit(1);
}

function settle(name, content) {
  const { id, resolve } = current;
  current = null;
  const line = Buffer.from(`{"id": ${JSON.stringify(id)}, "${name}": ${content}}\n`);
  try {
    for (let start = 0; start < line.length; ) start += writeSync(ANSWERS, line, start);
  } catch {
    console.error("the plugin has closed the file descriptor that its answers go through");
    process.exit(1);
  }
  input.ref();
  resolve?.();
}

function told(error) {
  if (!(error instanceof Error)) return String(error);
  const frame = frames(error)[0];
  const place = /\(?([^\s()]+):(\d+):\d+\)?$/.exec(frame ?? "");
  const where = place ? ` (${shortened(place[1])}, line ${place[2]})` : "";
  return `${error.name}${error.message ? ": " : ""}${error.message}${where}`;
}

// Down to the plugin's last own one.
function frames(error) {
  const lines = String(error.stack).split("\n").filter((line) => /^\s+at /.test(line));
  return lines.slice(0, lines.findLastIndex((line) => line.includes(ROOT + sep)) + 1);
}

// Write an error to the plugin's log, with the frames that are its own.
function show(error) {
  if (!(error instanceof Error)) return console.error(`thrown: ${String(error)}`);
  const text = String(error.stack);
  const head = /^\s+at /m.test(text) ? text.slice(0, text.search(/\n\s+at /)) : text;
  console.error(shortened([head, ...frames(error)].join("\n")));
}

function short(file) {
  return file.startsWith(ROOT + sep) ? file.slice(ROOT.length + 1) : file;
}

function shortened(text) {
  return text.replaceAll(pathToFileURL(ROOT + sep).href, "").replaceAll(ROOT + sep, "");
}
