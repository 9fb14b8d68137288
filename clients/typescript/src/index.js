/** Reading order: verify, events, marks, store, receiver, effects. */
export { Unverified, Verifier } from "./verify.js";
export {
  Malformed, allows, compareVersions, formatPosition, parse, parsePosition,
} from "./events.js";
export { mark, rangeOf, total } from "./marks.js";
export { MemoryStore } from "./store.js";
export { Receiver, Refuse } from "./receiver.js";
export { Effects } from "./effects.js";
