// Finds and loads a handler as Lambda's Node.js runtimes do, from the package alone.

import { spawnSync } from "node:child_process";
import { existsSync, readFileSync, realpathSync, statSync } from "node:fs";
import module, { createRequire } from "node:module";
import { basename, dirname, join, sep } from "node:path";
import { fileURLToPath, pathToFileURL } from "node:url";
import { ROOT, short, shortened, show, describe } from "./thrown.mjs";

const NO_CALLBACKS = "the handler takes a callback, which Lambda does not call from nodejs24.x on: make it async";

export class LoadError extends Error {
  constructor(type, message) {
    super(message);
    this.type = type;
  }
}

export async function load(name, callbacks, isStreaming) {
  const [, moduleName, path] = /^([^.]+)\.(.+)$/.exec(basename(name)) ?? [];
  if (moduleName === undefined) {
    const text = `the handler '${name}' names no function: it is written file.function, for example index.handler`;
    throw new LoadError("Runtime.MalformedHandlerName", text);
  }
  const folder = join(ROOT, dirname(name.replace(/^\/var\/task\//, "")));
  const file = located(folder, moduleName, callbacks);
  if (file === undefined) {
    const missing = short(join(folder, moduleName));
    throw new LoadError("Runtime.ImportModuleError", `the handler '${name}' needs ${missing}.js, which is not in the package`);
  }
  keepToThePackage();
  const handler = path.split(".").reduce((value, part) => value?.[part], await imported(file));
  if (typeof handler !== "function") {
    throw new LoadError("Runtime.HandlerNotFound", `${short(file)} exports no function '${path}', which the handler names`);
  }
  if (isStreaming(handler)) {
    console.error("awslambda.streamifyResponse: the answer is collected here and goes out whole");
  } else if (!callbacks && handler.length >= 3) {
    throw new LoadError("Runtime.CallbackHandlerDeprecated", NO_CALLBACKS);
  } else if (callbacks && handler.length === 3 && process.env.AWS_LAMBDA_NODEJS_DISABLE_CALLBACK_WARNING === undefined) {
    console.error(NO_CALLBACKS);
  }
  return handler;
}

// Where Lambda finds a module: as it stands, which may be a folder where it is required, as up to nodejs22.x, not imported;
// with an ending; among the packages.
function located(folder, moduleName, isRequired) {
  const place = join(folder, moduleName);
  const { resolve } = createRequire(join(ROOT, "index.js"));
  try {
    if (existsSync(place)) return !isRequired && statSync(place).isDirectory() ? undefined : resolve(place);
    const file = [".js", ".mjs", ".cjs"].map((end) => place + end).find((candidate) => existsSync(candidate));
    return file ?? resolve(moduleName, { paths: [ROOT, folder] });
  } catch (error) {
    if (error?.code === "MODULE_NOT_FOUND") return undefined;
    throw error;
  }
}

async function imported(file) {
  try {
    const exports = await import(pathToFileURL(file).href);
    // What a CommonJS module exports, as `require` gives it.
    return createRequire(file).cache[realpathSync(file)]?.exports ?? exports;
  } catch (error) {
    show(error);
    if (["ERR_MODULE_NOT_FOUND", "MODULE_NOT_FOUND"].includes(error?.code)) {
      const what = shortened(String(error.message).split("\n")[0].split(" imported from ")[0]);
      throw new LoadError("Runtime.ImportModuleError", `${short(file)} cannot be loaded: ${what}: put what it needs into the package`);
    }
    if (error instanceof SyntaxError) {
      throw new LoadError("Runtime.UserCodeSyntaxError", `${wrongPlace(error, file)}: ${error.message}`);
    }
    throw new LoadError("Handler.Raised", `${short(file)} raised while it was loaded: ${describe(error)}`);
  }
}

// Around the code there may be a project here, with modules and a package.json that say nothing on Lambda.
function keepToThePackage() {
  if (!isAbove("node_modules") && !isAbove("package.json")) return;
  module.registerHooks?.({
    resolve(specifier, context, nextResolve) {
      const found = nextResolve(specifier, context);
      const name = /^.*\/node_modules\/((?:@[^/]+\/)?[^/]+)/.exec(found.url)?.[1] ?? specifier;
      const isPackage = name !== specifier || !/^(\.{0,2}\/|[a-z]+:)/.test(specifier);
      if (isPackage && found.url.startsWith("file:") && isWithin(context.parentURL) && !isWithin(found.url)) {
        throw Object.assign(new Error(`Cannot find package '${name}'`), { code: "ERR_MODULE_NOT_FOUND" });
      }
      return found;
    },
    load(url, context, nextLoad) {
      const isPlain = isWithin(url) && url.endsWith(".js");
      if (!isPlain || isWithin(packageOf(url))) return nextLoad(url, context);
      return { format: "commonjs", source: readFileSync(fileURLToPath(url), "utf8"), shortCircuit: true };
    },
  });
}

function isAbove(name) {
  for (let folder = dirname(ROOT), last = ROOT; folder !== last; last = folder, folder = dirname(folder)) {
    if (existsSync(join(folder, name))) return true;
  }
  return false;
}

function packageOf(url) {
  const file = module.findPackageJSON(url);
  return file && pathToFileURL(file).href;
}

function isWithin(url) {
  return Boolean(url?.startsWith("file:")) && fileURLToPath(url).startsWith(ROOT + sep);
}

// File and line of a syntax error: only Node.js itself shows it, for a file that it is started with.
function wrongPlace(error, file) {
  const said = [String(error.stack), spawnSync(process.execPath, [file], { timeout: 5000, env: {} }).stderr?.toString() ?? ""];
  const place = said.map((text) => /^(?:file:\/\/)?(\/.+):(\d+)$/m.exec(text)).find((match) => match !== null);
  return place ? `${short(place[1])}, line ${place[2]}` : short(file);
}
