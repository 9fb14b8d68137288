// Reporting what was applied: `POST /v1/effects`, many at a time, again until it is taken.

import { compareVersions, formatPosition } from "./events.js";

const BATCH_MAX = 1000;
const REST_FIRST_MS = 200;
const REST_MAX_MS = 30_000;

export class Effects {
  #url;
  #key;
  #recipient;
  #timeoutMs;
  /** @type {Map<string, import("../index.d.ts").Event>} */
  #waiting = new Map();
  /** @type {Promise<void> | null} */
  #running = null;

  /** @param {{url: string, key: string, recipient?: string, timeoutMs?: number}} options */
  constructor({ url, key, recipient, timeoutMs = 10_000 }) {
    this.#url = `${url.replace(/\/+$/, "")}/v1/effects`;
    this.#key = key;
    this.#recipient = recipient;
    this.#timeoutMs = timeoutMs;
  }

  /** Of one person only the newest is reported. @param {import("../index.d.ts").Event} event */
  applied(event) {
    const known = this.#waiting.get(event.key);
    if (event.identifiers.length === 0 || (known && compareVersions(known, event) > 0)) return;
    this.#waiting.set(event.key, event);
    this.#running ??= this.#run().finally(() => { this.#running = null; });
  }

  async close(patienceMs = 10_000) {
    const end = Date.now() + patienceMs;
    while (this.#waiting.size > 0 && Date.now() < end) await sleep(20);
    return this.#waiting.size === 0;
  }

  async #run() {
    let rest = REST_FIRST_MS;
    // What else is applied in the meantime goes with it.
    await sleep(0);
    while (this.#waiting.size > 0) {
      const batch = [...this.#waiting.values()].slice(0, BATCH_MAX);
      if (await this.#send(batch)) {
        rest = REST_FIRST_MS;
        for (const sent of batch) {
          if (this.#waiting.get(sent.key) === sent) this.#waiting.delete(sent.key);
        }
      } else {
        await sleep(rest);
        rest = Math.min(rest * 2, REST_MAX_MS);
      }
    }
  }

  /** @param {import("../index.d.ts").Event[]} batch */
  async #send(batch) {
    const effects = batch.map(({ identifiers, position }) => ({
      identifier: identifiers[0], position: formatPosition(position), state: "applied",
    }));
    try {
      const answer = await fetch(this.#url, {
        method: "POST",
        headers: { "content-type": "application/json", authorization: `Bearer ${this.#key}` },
        body: JSON.stringify({ recipient: this.#recipient, effects }),
        signal: AbortSignal.timeout(this.#timeoutMs),
      });
      await answer.arrayBuffer();
      return answer.ok;
    } catch {
      return false;
    }
  }
}

/** Waiting keeps nobody's program from ending. @param {number} ms @returns {Promise<void>} */
function sleep(ms) {
  return new Promise((resolve) => { setTimeout(resolve, ms); });
}
