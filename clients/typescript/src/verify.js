// Whether a request is Sayso's: signatures as Standard Webhooks 1.0.0 has them.

import { createHmac, createPublicKey, timingSafeEqual, verify } from "node:crypto";

const TOLERANCE_SECONDS = 300;
/** What stands before 32 bytes of an Ed25519 key in its DER form (RFC 8410). */
const SPKI = Buffer.from("302a300506032b6570032100", "hex");

export class Unverified extends Error {}

/** @param {string} text @param {string} prefix */
function decode(text, prefix) {
  if (!text.startsWith(prefix)) throw new TypeError(`the key does not begin with ${prefix}`);
  const bytes = base64(text.slice(prefix.length));
  if (bytes === null) throw new TypeError("the key is not base64 after its prefix");
  return bytes;
}

/** Strictly: Node itself reads whatever it can. @param {string} text */
function base64(text) {
  const bytes = Buffer.from(text, "base64");
  return bytes.toString("base64") === text ? bytes : null;
}

/** @param {import("../index.d.ts").Headers} headers @returns {Map<string, string>} */
function byName(headers) {
  const pairs = Symbol.iterator in headers ? [...headers] : Object.entries(headers);
  const own = new Map();
  for (const [name, value] of pairs) own.set(name.toLowerCase(), String(value ?? ""));
  return own;
}

export class Verifier {
  /** @type {Buffer[]} */
  #secrets;
  /** @type {import("node:crypto").KeyObject[]} */
  #keys;
  #tolerance;

  /** @param {{secrets?: readonly string[], keys?: readonly string[], toleranceSeconds?: number}} options */
  constructor({ secrets = [], keys = [], toleranceSeconds = TOLERANCE_SECONDS }) {
    this.#secrets = secrets.map((secret) => decode(secret, "whsec_"));
    if (this.#secrets.some((secret) => secret.length < 24 || secret.length > 64)) {
      throw new TypeError("a secret has from 24 to 64 bytes");
    }
    this.#keys = keys.map((key) => {
      const raw = decode(key, "whpk_");
      if (raw.length !== 32) throw new TypeError("a public key has 32 bytes");
      return createPublicKey({ key: Buffer.concat([SPKI, raw]), format: "der", type: "spki" });
    });
    if (this.#secrets.length + this.#keys.length === 0) {
      throw new TypeError("without a secret or a key nothing can be verified");
    }
    this.#tolerance = toleranceSeconds;
  }

  /** @param {import("../index.d.ts").Headers} headers @param {Uint8Array} body */
  verify(headers, body, atSeconds = Date.now() / 1000) {
    const own = byName(headers);
    const timestamp = own.get("webhook-timestamp") ?? "";
    if (!/^[0-9]{1,15}$/.test(timestamp)) {
      throw new Unverified("webhook-timestamp is not a number of seconds");
    }
    if (Math.abs(Number(timestamp) - atSeconds) > this.#tolerance) {
      throw new Unverified("webhook-timestamp is too far from now; check both clocks");
    }
    const head = `${own.get("webhook-id") ?? ""}.${timestamp}.`;
    const content = Buffer.concat([Buffer.from(head), body]);
    const signatures = (own.get("webhook-signature") ?? "").split(" ");
    if (!signatures.some((entry) => this.#isGood(content, entry))) {
      throw new Unverified("webhook-signature holds no valid signature of this message");
    }
  }

  /** @param {Buffer} content @param {string} entry */
  #isGood(content, entry) {
    const comma = entry.indexOf(",");
    const version = entry.slice(0, comma);
    const signature = base64(entry.slice(comma + 1));
    if (comma < 0 || signature === null) return false;
    if (version === "v1" && signature.length === 32) {
      return this.#secrets.some((secret) =>
        timingSafeEqual(createHmac("sha256", secret).update(content).digest(), signature));
    }
    if (version === "v1a" && signature.length === 64) {
      return this.#keys.some((key) => verify(null, content, key, signature));
    }
    return false;
  }
}
