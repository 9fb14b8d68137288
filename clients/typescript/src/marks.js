// Marks: what Sayso compares to see whether we hold what it told.

import { createHash } from "node:crypto";

/** @typedef {Omit<import("../index.d.ts").Permission, "reason">} Marked */

/** The first 48 bits of SHA-256 over a line. @param {string} key @param {Marked} permission */
export function mark(key, { purpose, data, channel, allow, untilMs }) {
  const line = `${key}|${purpose}|${data}|${channel ?? ""}|${allow ? 1 : 0}|${untilMs ?? ""}`;
  const digest = createHash("sha256").update(line).digest();
  return BigInt(digest.readUIntBE(0, 6));
}

/** @param {string} key @param {Iterable<Marked>} permissions */
export function total(key, permissions) {
  let sum = 0n;
  for (const permission of permissions) sum += mark(key, permission);
  return BigInt.asUintN(64, sum);
}

/** The first three hexadecimal digits. @param {string} key */
export function rangeOf(key) {
  return Number.parseInt(key.slice(0, 3), 16);
}
