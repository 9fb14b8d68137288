// Where it is kept what was told: here, in memory.

import { compareVersions, formatPosition } from "./events.js";
import { rangeOf, total } from "./marks.js";

/** @typedef {import("../index.d.ts").Event} Event */

export class MemoryStore {
  /** @type {Map<string, Event>} */
  #events = new Map();
  /** One transaction after the other. @type {Promise<unknown>} */
  #last = Promise.resolve();

  /** @template R @param {(transaction: {changes: Map<string, Event>}) => R | Promise<R>} act @returns {Promise<R>} */
  transaction(act) {
    const done = this.#last.then(async () => {
      const transaction = { changes: new Map() };
      const result = await act(transaction);
      for (const [key, event] of transaction.changes) this.#events.set(key, event);
      return result;
    });
    this.#last = done.catch(() => {});
    return done;
  }

  /** @param {{changes: Map<string, Event>}} transaction @param {Event} event */
  take(transaction, event) {
    const known = transaction.changes.get(event.key) ?? this.#events.get(event.key);
    if (known && compareVersions(known, event) >= 0) return false;
    // Of whoever has left only that is kept, so that nothing older brings them back.
    const gone = { ...event, identifiers: [], permissions: [] };
    transaction.changes.set(event.key, event.leaving ? gone : event);
    return true;
  }

  /** @param {number} [range] */
  people(range) {
    const all = [...this.#events.values()];
    const own = all.filter(({ key, leaving }) => !leaving && (range === undefined || rangeOf(key) === range));
    return own.map(({ key, position, identifiers, permissions }) => ({
      key,
      position: formatPosition(position),
      names: identifiers.length,
      marks: total(key, permissions),
    }));
  }

  /** @param {string} identifier @param {string} purpose @param {string | null} channel @param {number} atMs */
  allows(identifier, purpose, channel, atMs) {
    // Of two who had a name in turn the later holder counts.
    const holders = [...this.#events.values()].filter((event) => event.identifiers.includes(identifier));
    holders.sort((a, b) => b.timeMs - a.timeMs || compareVersions(b, a));
    const own = (holders[0]?.permissions ?? []).filter((p) => p.purpose === purpose && p.channel === channel);
    return own.length > 0 && own.every((p) => p.allow && (p.untilMs === null || p.untilMs > atMs));
  }
}
