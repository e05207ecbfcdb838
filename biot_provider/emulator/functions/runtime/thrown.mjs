// What a handler throws, in words: anything can be thrown, and nothing of it can be relied on.

import { sep } from "node:path";
import { fileURLToPath, pathToFileURL } from "node:url";
import { inspect, types } from "node:util";

export const ROOT = process.cwd();
const HERE = fileURLToPath(new URL(".", import.meta.url));
const UNREADABLE = "something that cannot be read was thrown";

export function short(file) {
  return file.startsWith(ROOT + sep) ? file.slice(ROOT.length + 1) : file;
}

export function shortened(text) {
  return text.replaceAll(pathToFileURL(ROOT + sep).href, "").replaceAll(ROOT + sep, "");
}

// One line, or nearly, with the place in the plugin's own files.
export function describe(error) {
  try {
    if (!isError(error)) return typeof error === "object" ? shownOf(error) : String(error);
    const own = frames(error).find(isOwn) ?? "";
    const place = /\(?([^\s()]+):(\d+):\d+\)?$/.exec(own);
    const where = place ? ` (${shortened(place[1])}, line ${place[2]})` : "";
    return `${error.name}${error.message ? ": " : ""}${error.message}${where}`;
  } catch {
    return UNREADABLE;
  }
}

// Write an error to the plugin's log, with the frames that are its own.
export function show(error) {
  try {
    if (!isError(error)) return console.error(`thrown: ${shownOf(error)}`);
    const text = String(error.stack);
    const head = /^\s+at /m.test(text) ? text.slice(0, text.search(/\n\s+at /)) : text;
    console.error(shortened([head, ...frames(error)].join("\n")));
  } catch {
    console.error(UNREADABLE);
  }
}

function isError(value) {
  return value instanceof Error || types.isNativeError(value);
}

function shownOf(value) {
  return typeof value === "string" ? value : inspect(value, { depth: 3, breakLength: Infinity });
}

// Down to the plugin's last own one, without those of this runtime.
function frames(error) {
  const lines = String(error.stack).split("\n").filter((line) => /^\s+at /.test(line) && !line.includes(HERE));
  return lines.slice(0, lines.findLastIndex(isOwn) + 1);
}

function isOwn(line) {
  return line.includes(ROOT + sep);
}
