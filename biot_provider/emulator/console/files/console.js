// The console of the embedded platform. Whatever it shows may be written by anybody, so it only ever becomes text.
"use strict";

const API = "/_emulator/console/";
const PAUSE = 1000; // milliseconds between two looks
const STORED = "biot-console-key";
const FRESH_BODIES = { PRE_REQUEST: '{"heart_rate": 72}', DIRECT: "{}", SCHEDULE: "" };
const ENTITY = '{"_id": "patient-17", "heart_rate": 72}';

const byId = (id) => document.getElementById(id);
let key = null; // only a key that has opened the console once
let shown = ""; // the state that is on the page, as text
let state = { plugins: [] };
let timer = 0;

class Refused extends Error {}

async function ask(path, body, withKey = key) {
  const headers = { "X-Emulator-Key": withKey ?? "" };
  if (body !== undefined) headers["Content-Type"] = "application/json";
  const response = await fetch(API + path, { method: body === undefined ? "GET" : "POST", headers, body, cache: "no-store" });
  if (response.status === 403) throw new Refused();
  return response;
}

// Elements, made of text alone.

function el(tag, attributes, ...children) {
  const node = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes ?? {})) if (value) node.setAttribute(name, value);
  node.append(...children.flat().filter((child) => child !== null && child !== undefined && child !== ""));
  return node;
}

const badge = (text, kind) => el("span", { class: `badge ${kind}`, title: String(text) }, String(text));
const path = (text) => el("span", { class: "mono" }, text.split(/(?<=\/)/).flatMap((part) => [part, el("wbr")]));
const code = (text) => el("code", {}, String(text));
const at = (seconds) => {
  const moment = new Date(seconds * 1000);
  const day = moment.toDateString() === new Date().toDateString() ? "" : `${moment.toLocaleDateString()} `;
  return el("time", { title: moment.toISOString() }, day + moment.toLocaleTimeString([], { hour12: false }));
};
const number = (value, unit) => (typeof value === "number" ? `${value < 10 ? +value.toFixed(1) : Math.round(value)} ${unit}` : null);

const took = ({ duration, memory, memorySize }) =>
  [number(duration, "ms"), memory ? `${memory} of ${memorySize} MB` : null].filter(Boolean).join(" · ");

const color = (status) => (status >= 500 ? "bad" : status >= 400 ? "other" : "good");
const result = ({ error, status }) => (error ? badge("failed", "bad") : badge(status ?? "answered", color(status)));

/** Make a list show these items: what has not changed stays as it is, with what is open, selected or in focus. */
function sync(list, items, keyOf, draw) {
  const there = new Map([...list.children].map((node) => [node.itemKey, node]));
  let next = list.firstElementChild;
  for (const item of items) {
    const [name, text] = [keyOf(item), JSON.stringify(item)];
    let node = there.get(name);
    there.delete(name);
    if (node?.itemText !== text) {
      const fresh = Object.assign(draw(item), { itemKey: name, itemText: text });
      if (node === next && node) next = node.nextElementSibling;
      node?.remove();
      node = fresh;
    }
    if (node === next) next = next.nextElementSibling;
    else list.insertBefore(node, next);
  }
  for (const node of there.values()) node.remove();
}

// What happened.

function activity({ requests, invocations, underWay }) {
  const groups = new Map();
  const rows = [
    ...requests.map((entry) => ({ ...entry, request: true })),
    ...underWay.map((entry) => ({ ...entry, running: true })),
    ...invocations,
  ];
  for (const row of rows) {
    const name = row.trace ?? `alone ${row.id ?? row.time}`;
    groups.set(name, [...(groups.get(name) ?? []), row]);
  }
  const latest = (rows) => Math.max(...rows.map((row) => row.time));
  return [...groups.values()]
    .sort((a, b) => latest(b) - latest(a))
    .flatMap((group) => {
      group.sort((a, b) => (b.request ?? false) - (a.request ?? false) || a.time - b.time);
      return group.map((row) => ({ ...row, caused: !row.request && Boolean(group[0].request) }));
    });
}

const rowKey = (row) => `${row.request ? "request" : row.running ? "running" : "call"} ${row.id ?? row.source + row.time}`;

function drawRow(row) {
  return el("li", { class: row.caused ? "caused" : "" }, row.request ? requestLine(row) : callDetails(row));
}

function requestLine(row) {
  return el("div", { class: "happened" },
    el("span", {}, at(row.time), " ", path(`${row.method} ${row.path}`),
      row.code ? el("span", { class: "mono faint" }, ` ${row.code}`) : null),
    el("span", { class: "numbers" }, row.fault ? badge(`fault: ${row.fault}`, "other") : null),
    badge(row.status ?? "no response", row.status === null ? "bad" : color(row.status)));
}

function callDetails(row) {
  const head = el("div", { class: "happened" },
    el("span", {}, row.caused ? null : at(row.time), row.caused ? null : " ",
      el("strong", { class: "name" }, row.source), " ", path(row.what)),
    el("span", { class: "numbers" }, took(row)), row.running ? badge("running", "other") : result(row));
  if (row.running) return head;
  const details = el("details", {}, el("summary", {}, head),
    row.error ? el("p", { class: "problem" }, row.errorType ? `${row.errorType}: ${row.error}` : row.error) : null,
    (row.warnings ?? []).map((warning) => el("p", { class: "problem" }, warning)),
    typeof row.init === "number" ? el("p", { class: "hint" }, `after a cold start of ${number(row.init, "ms")}`) : null);
  details.addEventListener("toggle", async () => {
    if (!details.open || details.querySelector("pre")) return;
    const log = el("pre", { tabindex: "0", "aria-label": "log" }, row.lines ? "…" : "It has written nothing.");
    details.append(log);
    if (!row.lines) return;
    try {
      const found = await (await ask(`invocations/${row.id}`)).json();
      log.textContent = found.log ? found.log.join("\n") : found.error;
    } catch {
      log.remove();
      details.open = false;
    }
  });
  return details;
}

// What is there.

function drawPlugin(plugin) {
  const on = plugin.enabledState === "ENABLED" ? "good" : "other";
  const made = plugin.deploymentPackageType === "IMAGE" ? ["image ", code(plugin.imageTag), " (not run here)"]
    : plugin.hasCode ? [`zip, ${plugin.runtime}, `, code(plugin.handler)] : ["the platform's seed, which lets everything pass"];
  const runs = plugin.nextRuns.map((run) => run.replace("T", " ").replace("Z", "")).join(", ");
  const now = el("button", { class: "small", type: "button" }, "Run now");
  now.addEventListener("click", () => { choose(plugin.name, "SCHEDULE"); send(); });
  const event = el("button", { class: "small", type: "button" }, "Send an event");
  event.addEventListener("click", () => { choose(plugin.name); byId("send-plugin").focus(); });
  const term = (name, ...value) => [el("dt", {}, name), el("dd", {}, ...value)];
  return el("li", { tabindex: "-1" },
    el("div", { class: "line" },
      el("h3", { class: "name" }, plugin.name), badge(plugin.enabledState, on), badge(`version ${plugin.version}`, ""),
      el("span", { class: "hint name" }, plugin.displayName === plugin.name ? "" : String(plugin.displayName)), event),
    el("dl", {},
      term("package", ...made),
      term("limits", `${plugin.memorySize} MB, ${plugin.timeout} s`),
      plugin.variables.length ? term("variables", plugin.variables.map(code)) : null,
      plugin.cronSchedule ? term("schedule", el("div", { class: "line" }, code(plugin.cronSchedule), now),
        runs ? `next: ${runs} UTC` : "it never runs again") : null));
}

function drawChain(chain) {
  const callee = ({ name, enabled, position, filters }) => el("li", {},
    el("span", { class: enabled ? "callee" : "callee off", title: enabled ? "" : "disabled: it is not called" },
      position === undefined ? null : el("span", { class: "faint" }, `${position} `), el("span", { class: "name" }, name),
      Object.entries(filters).map(([filter, value]) => el("span", { class: "faint mono" }, ` ${filter}=${value}`))));
  return el("li", {},
    el("div", { class: "line" }, badge(chain.type, ""), el("span", { class: "mono" }, chain.target)),
    el("ol", { class: "chain" }, chain.callees.map(callee)));
}

function show(text) {
  if (text === shown) return;
  shown = text;
  state = JSON.parse(text);
  sync(byId("activity"), activity(state), rowKey, drawRow);
  sync(byId("plugins"), state.plugins, (plugin) => plugin.name, drawPlugin);
  sync(byId("chains"), state.chains, (chain) => `${chain.type} ${chain.target}`, drawChain);
  const more = state.pluginsInAll - state.plugins.length;
  byId("more").textContent = more > 0 ? `${more} more are not shown.` : "";
  sync(byId("send-plugin"), state.plugins.map((plugin) => plugin.name), (name) => name, (name) => el("option", {}, name));
  if (byId("send").dataset.plugin !== byId("send-plugin").value) choose(byId("send-plugin").value);
  byId("send-button").disabled = !state.plugins.length;
}

// Events by hand.

/** Set the form to a plugin, and to the event given or the first one that it is called for. */
function choose(name, wanted) {
  const plugin = state.plugins.find((one) => one.name === name);
  const kinds = [...byId("send-kind").options].map((option) => option.value);
  const kind = wanted ?? kinds.find((one) => plugin?.targets[one]) ?? (plugin?.cronSchedule ? "SCHEDULE" : "DIRECT");
  byId("send").dataset.plugin = byId("send-plugin").value = name;
  byId("send-kind").value = kind;
  const found = plugin?.targets[kind] ?? [];
  byId("targets").replaceChildren(...found.map((target) => el("option", { value: target })));
  const [labels, body] = [{ ADAPT_ENTITY: "Entity", NOTIFICATION: "Entity and action" }, FRESH_BODIES[kind] ?? ENTITY];
  byId("send-target-label").textContent = labels[kind] ?? "API";
  const defaults = { ADAPT_ENTITY: "patient", NOTIFICATION: "patient _update" };
  byId("send-target").value = found[0] ?? defaults[kind] ?? "PATCH/organization/v1/users/patients/{id}";
  byId("send-target").closest("label").hidden = kind === "SCHEDULE" || kind === "DIRECT";
  byId("send-body").closest("label").hidden = kind === "SCHEDULE";
  byId("send-body").value = body;
}

async function send() {
  const [kind, text, button] = [byId("send-kind").value, byId("send-body").value.trim(), byId("send-button")];
  const say = (...nodes) => byId("result").replaceChildren(...nodes);
  let body = null;
  try {
    if (kind !== "SCHEDULE" && text) body = JSON.parse(text);
  } catch (error) {
    return say(el("p", { class: "problem" }, `The body is not JSON: ${error.message}`));
  }
  const target = kind === "SCHEDULE" || kind === "DIRECT" ? "" : byId("send-target").value.trim();
  button.disabled = true;
  say(el("p", { class: "hint" }, "It runs …"));
  try {
    const response = await ask("events", JSON.stringify({ plugin: byId("send-plugin").value, kind, target, body }));
    const call = await response.json();
    if (!response.ok) return say(el("p", { class: "problem" }, call.error));
    const failed = call.error ? el("p", { class: "problem" }, `${call.errorType}: ${call.error}`) : null;
    const part = (label, text) => [el("p", { class: "hint" }, label), el("pre", { tabindex: "0", "aria-label": label }, text)];
    say(el("div", { class: "line" }, result(call),
      el("span", { class: "numbers" }, took(call))), ...(failed ? [failed] : part("answer", call.answer)),
      ...(call.log.length ? part("log", call.log.join("\n")) : []));
  } catch {
    say(el("p", { class: "problem" }, "The emulator did not answer."));
  } finally {
    button.disabled = false;
    byId("result").scrollIntoView({ block: "nearest" });
    look();
  }
}

// Looking, while somebody looks.

function status(kind, text) {
  if (byId("status").textContent === text) return; // else it is read out each second
  byId("status").className = kind;
  byId("status").textContent = text;
}

function isOpen(open) {
  byId("console").hidden = !open;
  byId("closed").hidden = open;
  if (!open) status("", "");
}

async function look() {
  clearTimeout(timer);
  if (document.hidden || key === null) return;
  try {
    show(await (await ask("state")).text());
    status("live", `live from ${location.host}`);
  } catch (error) {
    if (error instanceof Refused) return isOpen(false);
    status("lost", `${location.host} does not answer; this is how it was`);
  }
  clearTimeout(timer);
  timer = setTimeout(look, PAUSE);
}

function stored(value) {
  try {
    if (value !== undefined) localStorage.setItem(STORED, value);
    return localStorage.getItem(STORED);
  } catch {
    return null; // a browser that keeps nothing: the console is open until the page is left
  }
}

/** Open the console with the key of the address, which leaves the address bar at once, or the one from before. */
async function start() {
  const given = new URLSearchParams(location.hash.slice(1));
  if (given.has("key")) history.replaceState(null, "", "/");
  for (const candidate of [given.get("key"), stored()].filter(Boolean)) {
    try {
      const text = await (await ask("state", undefined, candidate)).text();
      key = candidate;
      stored(key);
      show(text);
      isOpen(true);
      break;
    } catch (error) {
      if (!(error instanceof Refused)) status("lost", `${location.host} does not answer`);
    }
  }
  const plugin = [...byId("plugins").children].find((node) => node.itemKey === given.get("plugin"));
  byId("plugins").querySelector(".marked")?.classList.remove("marked");
  plugin?.classList.add("marked");
  plugin?.scrollIntoView({ block: "center" });
  plugin?.focus({ preventScroll: true });
  look();
}

document.addEventListener("visibilitychange", look);
addEventListener("hashchange", start);
byId("send").addEventListener("submit", (event) => { event.preventDefault(); send(); });
byId("send-plugin").addEventListener("change", (event) => choose(event.target.value));
byId("send-kind").addEventListener("change", (event) => choose(byId("send-plugin").value, event.target.value));
start();
