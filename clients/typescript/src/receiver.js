// The whole of it: a request in, an answer out. It knows no web framework.

import { Malformed, parse } from "./events.js";
import { rangeOf } from "./marks.js";
import { Unverified } from "./verify.js";

/** @typedef {import("../index.d.ts").Headers} Headers */
/** @typedef {import("../index.d.ts").Kept} Kept */

export class Refuse extends Error {}

const EMPTY = { status: 400, body: "" };

/** @template T */
export class Receiver {
  #options;

  /** @param {ConstructorParameters<typeof import("../index.d.ts").Receiver<T>>[0]} options */
  constructor(options) {
    this.#options = options;
  }

  /** @param {Headers} headers @param {Uint8Array} body @param {number} [atSeconds] */
  async receive(headers, body, atSeconds) {
    let parsed;
    try {
      this.#options.verifier.verify(headers, body, atSeconds);
      parsed = parse(body);
    } catch (error) {
      if (error instanceof Unverified) return { status: 401, body: "" };
      if (error instanceof Malformed) return { status: 400, body: JSON.stringify({ problem: error.message }) };
      throw error;
    }
    const results = [];
    for (const event of parsed.events) results.push({ id: event.id, status: await this.#one(event) });
    const only = results[0]?.status;
    if (!parsed.isBatch && only !== "applied") return { status: only === "refused" ? 422 : 503, body: "" };
    return { status: 200, body: JSON.stringify({ results }) };
  }

  /** @param {import("../index.d.ts").Event | import("../index.d.ts").Ping} event */
  async #one(event) {
    const { store, apply, effects, onError } = this.#options;
    if (event.kind === "ping") return "applied";
    try {
      await store.transaction(async (transaction) => {
        if (await store.take(transaction, event)) await apply?.(transaction, event);
      });
    } catch (error) {
      if (error instanceof Refuse) return "refused";
      // Its text may hold anything, personal data included.
      onError?.(error instanceof Error ? error.name : typeof error);
      return "again";
    }
    effects?.applied(event);
    return "applied";
  }

  /** @param {Headers} headers @param {Uint8Array} body @param {number} [atSeconds] */
  async readBack(headers, body, atSeconds) {
    let question;
    try {
      this.#options.verifier.verify(headers, body, atSeconds);
      question = JSON.parse(new TextDecoder().decode(body));
    } catch (error) {
      return error instanceof Unverified ? { status: 401, body: "" } : EMPTY;
    }
    const { ask, range } = question ?? {};
    const isRange = Number.isInteger(range) && range >= 0 && range < 4096;
    if (ask === "people" && isRange) {
      return answer("people", [...(await this.#options.store.people(range))]);
    }
    return ask === "sums" ? answer("sums", sums(await this.#options.store.people())) : EMPTY;
  }
}

/** Marks as text: numbers are rounded beyond 2^53. @param {string} name @param {{marks: bigint}[]} found */
function answer(name, found) {
  const said = found.map((one) => ({ ...one, marks: String(one.marks) }));
  return { status: 200, body: JSON.stringify({ [name]: said }) };
}

/** @param {Iterable<Kept>} people */
function sums(people) {
  /** @type {Map<number, {range: number, people: number, names: number, marks: bigint}>} */
  const found = new Map();
  for (const { key, names, marks } of people) {
    const range = rangeOf(key);
    const own = found.get(range) ?? { range, people: 0, names: 0, marks: 0n };
    own.people += 1;
    own.names += names;
    own.marks = BigInt.asUintN(64, own.marks + marks);
    found.set(range, own);
  }
  return [...found.values()];
}
