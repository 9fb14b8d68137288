// The rules of the receiver, over real connections where there are any.

import assert from "node:assert/strict";
import { createHash, createHmac } from "node:crypto";
import { createServer } from "node:http";
import { test } from "node:test";

import {
  Effects, Malformed, MemoryStore, Receiver, Refuse, Verifier, allows, compareVersions, formatPosition,
  mark, parse, parsePosition, rangeOf, total,
} from "../src/index.js";

// As in the tests of Sayso itself; the first signature was published with the specification.
const SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";
const PUBLIC = "whpk_A6EHv/POEL4dcN0Y50vAmWfk1jCbpQ1fHdyGZBJVMbg=";
const [ID, AT, BODY] = ["msg_p5jXN8AQM9LWM0D4loKWxJek", 1614265330, Buffer.from('{"test": 2432232314}')];
const V1 = "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=";
const V1A = "v1a,yoUrgEkc12aGqm0n4Sydmdz55xJfTz4AsAgieHFjmkR7LJtqVCZOQYzvvHjI5kAey+r4iaBGxTFRrl2iBQxtDQ==";
const KEY = "0123456789abcdef0123456789abcdef";

const headers = (signatures = V1, id = ID, timestamp = String(AT)) => ({
  "Webhook-Id": id, "webhook-timestamp": timestamp, "WEBHOOK-SIGNATURE": signatures,
});

const PERMISSION = {
  purpose: "marketing.offers", data: "contact.email", channel: "email", allow: true,
  reason: "granted", until: null, grant: "0-3",
};

const event = (position = "0-17", { time = "2026-02-01T18:30:00.000Z", ...data } = {}) => ({
  specversion: "1.0", id: `msg_${position}`, source: "urn:sayso:x", time,
  type: "sayso.permissions.v1", datacontenttype: "application/json",
  data: {
    recipient: "mailer", key: KEY, position, leaving: false,
    identifiers: ["email:ana@example.org"], permissions: [PERMISSION], ...data,
  },
});

const signed = (body) => {
  const mac = createHmac("sha256", Buffer.from(SECRET.slice(6), "base64"));
  return headers(`v1,${mac.update(`${ID}.${AT}.`).update(body).digest("base64")}`);
};

const isGood = (given, { verifier = new Verifier({ secrets: [SECRET], keys: [PUBLIC] }), body = BODY, at = AT } = {}) => {
  try {
    verifier.verify(given, body, at);
    return true;
  } catch (error) {
    assert.equal(error.constructor.name, "Unverified");
    return false;
  }
};

test("published and foreign signatures are good, each by its own kind", () => {
  const [shared, ours] = [new Verifier({ secrets: [SECRET] }), new Verifier({ keys: [PUBLIC] })];
  assert.ok(isGood(headers(V1), { verifier: shared }) && isGood(headers(V1A), { verifier: ours }));
  assert.ok(!isGood(headers(V1A), { verifier: shared }) && !isGood(headers(V1), { verifier: ours }));
  assert.ok(isGood(Object.entries(headers(V1))) && isGood(new Headers(headers(V1))));
});

test("any good signature is enough and a bad one does no harm", () => {
  for (const signatures of [`${V1} ${V1A}`, `v1,AAAA ${V1A}`, `v2,x , v1 ${V1}`, `v1,é ${V1}`]) {
    assert.ok(isGood(headers(signatures)), signatures);
  }
  const old = `whsec_${Buffer.alloc(32).toString("base64")}`;
  assert.ok(isGood(headers(V1), { verifier: new Verifier({ secrets: [old, SECRET] }) }));
});

test("every part is signed, for five minutes", () => {
  for (const bad of [headers(V1, "other"), headers(V1, ID, String(AT + 1)), headers(""), {}]) {
    assert.ok(!isGood(bad));
  }
  for (const signatures of [V1, V1A]) {
    assert.ok(!isGood(headers(signatures), { body: Buffer.concat([BODY, Buffer.from(" ")]) }));
    for (let place = 4; place < signatures.length - 2; place += 7) {
      const other = signatures[place] === "A" ? "B" : "A";
      assert.ok(!isGood(headers(signatures.slice(0, place) + other + signatures.slice(place + 1))));
    }
  }
  for (const [at, good] of [[AT + 300, true], [AT - 300, true], [AT + 301, false], [AT - 301, false]]) {
    assert.equal(isGood(headers(V1), { at }), good);
  }
  for (const timestamp of ["", "soon", "-5", "1614265330.0", " 1614265330"]) {
    assert.ok(!isGood(headers(V1, ID, timestamp)), timestamp);
  }
});

test("damaged keys are refused", () => {
  for (const [secrets, keys] of [
    [[], []], [["whsec_AAAA"], []], [[SECRET.slice(6)], []], [["whsec_!"], []], [[], ["whpk_AAAA"]],
  ]) {
    assert.throws(() => new Verifier({ secrets, keys }), TypeError);
  }
});

test("an event is read, and positions are numbers", () => {
  const { events: [read], isBatch } = parse(JSON.stringify(event("1-9")));
  assert.ok(!isBatch);
  assert.equal(formatPosition(read.position), "1-9");
  assert.equal(read.timeMs, 1769970600000);
  assert.ok(allows(read, "marketing.offers", "email"));
  assert.ok(!allows(read, "marketing.offers", "sms") && !allows(read, "marketing", "email"));
  const order = ["0-9", "0-10", "0-99", "0-9007199254740993", "1-1", "10-0"];
  const versions = order.map((text) => ({ position: parsePosition(text), timeMs: 0 }));
  const sorted = [...versions].reverse().sort(compareVersions);
  assert.deepEqual(sorted.map(({ position }) => formatPosition(position)), order);
  for (const text of ["", "17", "0-", "-1", "0--1", "a-b", "0-1 ", "0-1\n", null, 17]) {
    assert.throws(() => parsePosition(text), Malformed);
  }
});

test("what is not an event is refused without repeating it", () => {
  const ana = "ana@example.org";
  const told = (data) => JSON.stringify(event("0-1", data));
  for (const body of [
    "", ana, "7", "{}", "[7]", "null", JSON.stringify(event(ana)), told({ time: ana }), told({ key: ana }),
    told({ leaving: 1 }), told({ identifiers: ana }), told({ identifiers: [7] }), told({ permissions: [ana] }),
    told({ permissions: [{ ...PERMISSION, until: ana }] }), JSON.stringify({ ...event(), type: ana }),
    Buffer.from([0xff]),
  ]) {
    assert.throws(() => parse(body), (error) => error instanceof Malformed && !error.message.includes("ana"));
  }
});

test("marks are those of everybody else", () => {
  const line = `${KEY}|service.news|contact.email||1|5`;
  const expected = BigInt(`0x${createHash("sha256").update(line).digest("hex").slice(0, 12)}`);
  const permission = { purpose: "service.news", data: "contact.email", channel: null, allow: true, untilMs: 5 };
  assert.equal(mark(KEY, permission), expected);
  assert.equal(total(KEY, [permission, permission]), expected * 2n);
  assert.equal(rangeOf(KEY), 0x012);
});

function system() {
  const rows = new Map();
  const errors = [];
  const store = new MemoryStore();
  const receiver = new Receiver({
    verifier: new Verifier({ secrets: [SECRET] }),
    store,
    apply: (_, told) => {
      if (told.identifiers[0].includes("refuse")) throw new Refuse();
      if (told.identifiers[0].includes("fail")) throw new RangeError("of ana@example.org");
      rows.set(told.identifiers[0], allows(told, "marketing.offers", "email"));
    },
    onError: (name) => errors.push(name),
  });
  const send = async (body) => {
    const bytes = Buffer.from(JSON.stringify(body));
    const { status, body: answer } = await receiver.receive(signed(bytes), bytes, AT);
    return [status, answer ? JSON.parse(answer).results.map((own) => own.status) : []];
  };
  const ask = async (question) => {
    const bytes = Buffer.from(question);
    const { status, body } = await receiver.readBack(signed(bytes), bytes, AT);
    return [status, body && JSON.parse(body)];
  };
  return { rows, errors, store, receiver, send, ask };
}

test("newer only and once", async () => {
  const { rows, send } = system();
  const denied = [{ ...PERMISSION, allow: false }];
  const later = "2026-02-01T18:30:00.001Z";
  for (const [told, allowed] of [
    [event("0-10"), true],
    [event("0-9", { permissions: denied }), true],
    [event("0-10", { permissions: denied }), true],
    [event("0-10", { permissions: denied, time: later }), false],
    [event("0-10"), false],
    [event("1-1"), true],
    [event("0-99", { permissions: denied }), true],
  ]) {
    assert.deepEqual(await send(told), [200, ["applied"]]);
    assert.equal(rows.get("email:ana@example.org"), allowed);
  }
});

test("both happen or neither, and a batch is answered one by one", async () => {
  const { rows, errors, store, send } = system();
  assert.deepEqual(await send(event("0-1", { identifiers: ["email:fail"] })), [503, []]);
  assert.deepEqual(await send(event("0-1", { identifiers: ["email:refuse"] })), [422, []]);
  assert.deepEqual([rows.size, store.people().length, errors], [0, 0, ["RangeError"]]);
  const told = (digit, name) => event("0-1", { key: digit.repeat(32), identifiers: [`email:${name}`] });
  const ping = { ...event(), type: "sayso.ping.v1", data: { recipient: "mailer" } };
  assert.deepEqual(await send([told("1", "a"), told("2", "refuse"), told("3", "fail"), ping, told("4", "b")]), [
    200, ["applied", "refused", "again", "applied", "applied"],
  ]);
  assert.deepEqual(await send([]), [200, []]);
});

test("strangers and nonsense change nothing", async () => {
  const { rows, receiver } = system();
  const body = Buffer.from(JSON.stringify(event()));
  assert.equal((await receiver.receive(headers(), body, AT)).status, 401);
  assert.equal((await receiver.receive(signed("{}"), Buffer.from("{}"), AT)).status, 400);
  assert.equal((await receiver.readBack(headers(), Buffer.from('{"ask":"sums"}'), AT)).status, 401);
  assert.equal(rows.size, 0);
});

test("what is held is read back", async () => {
  const { send, ask } = system();
  const other = `fff${KEY.slice(3)}`;
  const gone = [...KEY].reverse().join("");
  await send([event(), event("0-17", { key: other }), event("0-18", { key: gone, leaving: true })]);
  const marks = String(total(KEY, parse(JSON.stringify(event())).events[0].permissions));
  const [status, { sums }] = await ask('{"ask":"sums"}');
  assert.equal(status, 200);
  assert.deepEqual(sums.find(({ range }) => range === 0x012), { range: 0x012, people: 1, names: 1, marks });
  assert.equal(sums.length, 2);
  const [, { people: [kept] }] = await ask('{"ask":"people","range":4095}');
  assert.deepEqual([kept.key, kept.position, kept.names], [other, "0-17", 1]);
  for (const question of [
    "", "{}", "null", '{"ask":"all"}', '{"ask":"people"}', '{"ask":"people","range":4096}', '{"ask":"people","range":"1"}',
  ]) {
    assert.equal((await ask(question))[0], 400, question);
  }
});

test("what may be done is answered", async () => {
  const { send, store } = system();
  await send(event("0-17", { permissions: [{ ...PERMISSION, until: "2026-02-01T19:00:00.000Z" }] }));
  const asked = (name, at) => store.allows(name, "marketing.offers", "email", at);
  assert.ok(asked("email:ana@example.org", 1769972399999));
  assert.ok(!asked("email:ana@example.org", 1769972400000));
  assert.ok(!asked("email:ben@example.org", 0));
  // The name is somebody else's by now, who allows nothing.
  await send(event("0-18", { key: "f".repeat(32), permissions: [], time: "2026-02-01T18:31:00.000Z" }));
  assert.ok(!asked("email:ana@example.org", 0));
});

test("reports are sent until they are taken", async () => {
  const heard = [];
  const answers = [503, 401, 200];
  const server = createServer(async (request, response) => {
    let body = "";
    for await (const chunk of request) body += chunk;
    heard.push([request.url, request.headers.authorization, JSON.parse(body)]);
    response.writeHead(answers.shift() ?? 200).end();
  });
  await new Promise((resolve) => { server.listen(0, "127.0.0.1", () => resolve(undefined)); });
  const effects = new Effects({ url: `http://127.0.0.1:${server.address().port}/`, key: "key", recipient: "mailer" });
  effects.applied(parse(JSON.stringify(event("0-16"))).events[0]);
  effects.applied(parse(JSON.stringify(event())).events[0]);
  assert.ok(await effects.close());
  server.closeAllConnections();
  server.close();
  const report = {
    recipient: "mailer",
    effects: [{ identifier: "email:ana@example.org", position: "0-17", state: "applied" }],
  };
  assert.deepEqual(heard, [1, 2, 3].map(() => ["/v1/effects", "Bearer key", report]));
});
