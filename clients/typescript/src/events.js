// What Sayso tells: CloudEvents, one by one or in a batch, read strictly.

const PERMISSIONS = "sayso.permissions.v1";
const PING = "sayso.ping.v1";

export class Malformed extends Error {}

/** @param {unknown} text @returns {import("../index.d.ts").Position} */
export function parsePosition(text) {
  const match = typeof text === "string" ? /^([0-9]{1,5})-([0-9]{1,20})$/.exec(text) : null;
  if (!match) throw new Malformed("a position is written like 0-17");
  return { epoch: Number(match[1]), number: BigInt(match[2] ?? "") };
}

/** @param {import("../index.d.ts").Position} position */
export function formatPosition({ epoch, number }) {
  return `${epoch}-${number}`;
}

/** @param {import("../index.d.ts").Version} a @param {import("../index.d.ts").Version} b */
export function compareVersions(a, b) {
  if (a.position.epoch !== b.position.epoch) return a.position.epoch - b.position.epoch;
  if (a.position.number !== b.position.number) return a.position.number < b.position.number ? -1 : 1;
  return a.timeMs - b.timeMs;
}

/** @param {import("../index.d.ts").Event} event @param {string} purpose @param {string | null} channel */
export function allows(event, purpose, channel = null) {
  const own = event.permissions.filter((p) => p.purpose === purpose && p.channel === channel);
  return !event.leaving && own.length > 0 && own.every((p) => p.allow);
}

/** @param {Uint8Array | string} body */
export function parse(body) {
  let read;
  try {
    read = JSON.parse(typeof body === "string" ? body : new TextDecoder("utf-8", { fatal: true }).decode(body));
  } catch {
    throw new Malformed("the body is not JSON");
  }
  const isBatch = Array.isArray(read);
  return { events: (isBatch ? read : [read]).map(event), isBatch };
}

/** @param {any} read @param {string} name @param {"string" | "boolean"} type */
function take(read, name, type) {
  const value = record(read)[name];
  if (typeof value !== type) throw new Malformed(`\`${name}\` is missing or of another type`);
  return value;
}

/** @param {any} read @returns {Record<string, any>} */
function record(read) {
  if (typeof read !== "object" || read === null || Array.isArray(read)) {
    throw new Malformed("something is no object");
  }
  return read;
}

/** @param {any} read @param {string} name @returns {any[]} */
function list(read, name) {
  if (!Array.isArray(read[name])) throw new Malformed(`\`${name}\` is missing or of another type`);
  return read[name];
}

/** @param {string} text */
function milliseconds(text) {
  const isTime = /^[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}(\.[0-9]+)?(Z|[+-][0-9]{2}:[0-9]{2})$/;
  const ms = isTime.test(text) ? Date.parse(text) : NaN;
  if (Number.isNaN(ms)) throw new Malformed("a time is written as in RFC 3339");
  return ms;
}

/** @param {any} read @returns {import("../index.d.ts").Event | import("../index.d.ts").Ping} */
function event(read) {
  if (take(read, "specversion", "string") !== "1.0") throw new Malformed("`specversion` is not 1.0");
  const type = take(read, "type", "string");
  const id = take(read, "id", "string");
  if (type === PING) return { kind: "ping", id };
  if (type !== PERMISSIONS) throw new Malformed("`type` is none that is known");
  const data = record(read.data);
  const key = take(data, "key", "string");
  if (!/^[0-9a-f]{32}$/.test(key)) throw new Malformed("`key` is not 32 hexadecimal digits");
  const identifiers = list(data, "identifiers");
  if (identifiers.some((name) => typeof name !== "string")) {
    throw new Malformed("`identifiers` is missing or of another type");
  }
  return {
    kind: "permissions",
    id,
    timeMs: milliseconds(take(read, "time", "string")),
    recipient: take(data, "recipient", "string"),
    key,
    position: parsePosition(data.position),
    identifiers,
    leaving: take(data, "leaving", "boolean"),
    permissions: list(data, "permissions").map(permission),
  };
}

/** @param {any} read @returns {import("../index.d.ts").Permission} */
function permission(read) {
  /** @param {string} name @returns {string | null} */
  const optional = (name) => ((record(read)[name] ?? null) === null ? null : take(read, name, "string"));
  const until = optional("until");
  return {
    purpose: take(read, "purpose", "string"),
    data: take(read, "data", "string"),
    channel: optional("channel"),
    allow: take(read, "allow", "boolean"),
    reason: take(read, "reason", "string"),
    untilMs: until === null ? null : milliseconds(until),
  };
}
