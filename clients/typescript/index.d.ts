/** Takes what Sayso tells a system: verified, in order, once, in the system's own transaction. */

/** A request that must not be believed: answer 401 and look at nothing in it. */
export class Unverified extends Error {}

/** A body that is not what Sayso sends. Says nothing of what it holds. */
export class Malformed extends Error {}

/** Thrown by the application: this very event will never do. It is parked at Sayso, where a person
 * sees it. Whatever else is thrown means: try again. */
export class Refuse extends Error {}

/** Headers as Node has them, as `fetch` has them, or as pairs. */
export type Headers =
  | Record<string, string | string[] | undefined>
  | Iterable<readonly [string, string]>;

/** Checks requests. Several secrets and keys hold at once; one good signature is enough. */
export class Verifier {
  constructor(options: {
    /** Shared with Sayso, `whsec_…`: check `v1`. */
    secrets?: readonly string[];
    /** Sayso's public keys, `whpk_…`: check `v1a`. */
    keys?: readonly string[];
    /** How old, or how far ahead, a request may be: 300 seconds unless it says otherwise. */
    toleranceSeconds?: number;
  });
  /** Returns if the request is good. `body` is what came, byte for byte.
   * @throws {Unverified} */
  verify(headers: Headers, body: Uint8Array, atSeconds?: number): void;
}

/** A place in the ledger, written `0-17`: epoch and number, compared as numbers. */
export interface Position {
  readonly epoch: number;
  readonly number: bigint;
}

export interface Permission {
  readonly purpose: string;
  readonly data: string;
  readonly channel: string | null;
  readonly allow: boolean;
  readonly reason: string;
  /** Until when, in milliseconds since 1970, if it ends by itself. */
  readonly untilMs: number | null;
}

/** Everything that may be done about one person now: not only what changed. */
export interface Event {
  readonly kind: "permissions";
  readonly id: string;
  /** When it was composed, in milliseconds since 1970. */
  readonly timeMs: number;
  readonly recipient: string;
  /** Names the person to us alone, in every message. */
  readonly key: string;
  readonly position: Position;
  /** `namespace:value`. */
  readonly identifiers: readonly string[];
  /** Delete what is held under these names. */
  readonly leaving: boolean;
  readonly permissions: readonly Permission[];
}

/** A request that tries whether we are there. */
export interface Ping {
  readonly kind: "ping";
  readonly id: string;
}

/** The events of a body.
 * @throws {Malformed} */
export function parse(body: Uint8Array | string): { events: (Event | Ping)[]; isBatch: boolean };

/** @throws {Malformed} */
export function parsePosition(text: unknown): Position;
export function formatPosition(position: Position): string;

/** Below 0 if the first of two events about one key is older. */
export function compareVersions(a: Version, b: Version): number;
export type Version = Pick<Event, "position" | "timeMs">;

/** Whether a purpose may be followed by a channel. What is not declared may not. */
export function allows(event: Event, purpose: string, channel?: string | null): boolean;

/** The mark of one permission, and the sum of those of somebody. */
export function mark(key: string, permission: Omit<Permission, "reason">): bigint;
export function total(key: string, permissions: Iterable<Omit<Permission, "reason">>): bigint;
/** The range of a key. */
export function rangeOf(key: string): number;

/** What is held of one person. */
export interface Kept {
  key: string;
  position: string;
  names: number;
  marks: bigint;
}

/** Where it is kept what was told, and how new that is. */
export interface Store<T> {
  /** Does `act` in one transaction; if it throws, everything is undone. */
  transaction<R>(act: (transaction: T) => R | Promise<R>): Promise<R>;
  /** Keeps an event if it is newer than what is kept under its key; whether it was. */
  take(transaction: T, event: Event): boolean | Promise<boolean>;
  /** Everybody who is held, or everybody in a range. */
  people(range?: number): Iterable<Kept> | Promise<Iterable<Kept>>;
}

/** Keeps everything in memory, for tests and for what asks for everything at its start. */
export class MemoryStore implements Store<MemoryTransaction> {
  transaction<R>(act: (transaction: MemoryTransaction) => R | Promise<R>): Promise<R>;
  take(transaction: MemoryTransaction, event: Event): boolean;
  people(range?: number): Kept[];
  /** Whether somebody may be reached for a purpose at a moment. */
  allows(identifier: string, purpose: string, channel: string | null, atMs: number): boolean;
}
export interface MemoryTransaction {
  readonly changes: Map<string, Event>;
}

export interface Answer {
  status: number;
  body: string;
}

/** The whole of it: a request in, an answer out. It knows no web framework. */
export class Receiver<T> {
  constructor(options: {
    verifier: Verifier;
    store: Store<T>;
    /** Changes the application's own data, in the transaction that notes that the event was taken. */
    apply?: (transaction: T, event: Event) => void | Promise<void>;
    /** Reports what was applied; without, only batches say so, in their answers. */
    effects?: Pick<Effects, "applied">;
    /** Told the name of the class of an error that the application threw. */
    onError?: (name: string) => void;
  });
  /** What came to the address of the sink. */
  receive(headers: Headers, body: Uint8Array, atSeconds?: number): Promise<Answer>;
  /** What came to `read_back_url`. */
  readBack(headers: Headers, body: Uint8Array, atSeconds?: number): Promise<Answer>;
}

/** Reports what was applied, many at a time, again until it is taken. What is not sent when the
 * program ends is told again by Sayso, and reported then. */
export class Effects {
  constructor(options: {
    /** Where Sayso is. */
    url: string;
    /** A key with the role `report`. */
    key: string;
    /** Which system; a key that is bound to one need not say. */
    recipient?: string;
    timeoutMs?: number;
  });
  applied(event: Event): void;
  /** Sends what waits, if that can be done in time; whether it could. */
  close(patienceMs?: number): Promise<boolean>;
}
