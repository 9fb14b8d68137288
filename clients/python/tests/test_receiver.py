"""The rules of the receiver, on a real database and over real connections."""

import base64
import hashlib
import hmac
import json
import sqlite3
import sys
import threading
import unittest
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from sayso_receiver import (  # noqa: E402
    Effects, Malformed, Position, Receiver, Refuse, SqliteStore, Unverified, Verifier, ed25519, mark,
    parse, range_of, total,
)

# As in the tests of Sayso itself; the first signature was published with the specification.
SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
PUBLIC = "whpk_A6EHv/POEL4dcN0Y50vAmWfk1jCbpQ1fHdyGZBJVMbg="
ID, AT, BODY = "msg_p5jXN8AQM9LWM0D4loKWxJek", 1614265330, b'{"test": 2432232314}'
V1 = "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="
V1A = (
    "v1a,yoUrgEkc12aGqm0n4Sydmdz55xJfTz4AsAgieHFjmkR7LJtqVCZOQYzvvHjI5kAey+r4iaBGxTFRrl2iBQxtDQ=="
)
KEY = "0123456789abcdef0123456789abcdef"


def headers(signatures=V1, message_id=ID, timestamp=str(AT)):
    return {
        "Webhook-Id": message_id, "webhook-timestamp": timestamp, "WEBHOOK-SIGNATURE": signatures,
    }


def event(position="0-17", time="2026-02-01T18:30:00.000Z", key=KEY, **data):
    permission = {
        "purpose": "marketing.offers", "data": "contact.email", "channel": "email", "allow": True,
        "reason": "granted", "until": None, "grant": "0-3",
    }
    told = {
        "recipient": "mailer", "key": key, "position": position, "leaving": False,
        "identifiers": ["email:ana@example.org"], "permissions": [permission], **data,
    }
    return {
        "specversion": "1.0", "id": f"msg_{position}", "source": "urn:sayso:x", "time": time,
        "type": "sayso.permissions.v1", "datacontenttype": "application/json", "data": told,
    }


def signed(body):
    secret = base64.b64decode(SECRET[6:])
    content = f"{ID}.{AT}.".encode() + body
    signature = base64.b64encode(hmac.digest(secret, content, "sha256")).decode()
    return headers(f"v1,{signature}")


class Verification(unittest.TestCase):
    def check(self, given, verifier=None, body=BODY, at=AT):
        try:
            (verifier or Verifier([SECRET], [PUBLIC])).verify(given, body, at)
            return True
        except Unverified:
            return False

    def test_published_and_foreign_signatures_are_good(self):
        self.assertTrue(self.check(headers(V1), Verifier([SECRET])))
        self.assertTrue(self.check(headers(V1A), Verifier(keys=[PUBLIC])))
        self.assertFalse(self.check(headers(V1A), Verifier([SECRET])))
        self.assertFalse(self.check(headers(V1), Verifier(keys=[PUBLIC])))

    def test_any_good_one_is_enough(self):
        for signatures in (f"{V1} {V1A}", f"v1,AAAA {V1A}", f"v2,x , v1 {V1}", f"v1,é {V1}"):
            self.assertTrue(self.check(headers(signatures)), signatures)
        old = "whsec_" + base64.b64encode(bytes(32)).decode()
        self.assertTrue(self.check(headers(V1), Verifier([old, SECRET])))

    def test_every_part_is_signed(self):
        for bad in (headers(V1, "other"), headers(V1, ID, str(AT + 1)), headers("")):
            self.assertFalse(self.check(bad))
        for signatures in (V1, V1A):
            self.assertFalse(self.check(headers(signatures), body=BODY + b" "))
            for place in range(4, len(signatures) - 2, 7):
                other = "B" if signatures[place] == "A" else "A"
                changed = signatures[:place] + other + signatures[place + 1:]
                self.assertFalse(self.check(headers(changed)), changed)

    def test_only_for_five_minutes(self):
        for at, good in ((AT + 300, True), (AT - 300, True), (AT + 301, False), (AT - 301, False)):
            self.assertEqual(self.check(headers(V1), at=at), good)
        for timestamp in ("", "soon", "-5", "1614265330.0", "１６１４２６５３３０"):
            self.assertFalse(self.check(headers(V1, ID, timestamp)))

    def test_damaged_keys_are_refused(self):
        for secrets, keys in (
            ([], []), (["whsec_AAAA"], []), ([SECRET[6:]], []), (["whsec_!"], []), ([], ["whpk_AAAA"]),
            ([], ["whpk_AgAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA="]),
            ([], ["whpk_" + base64.b64encode(bytes([1] + [0] * 31)).decode()]),
        ):
            with self.assertRaises(ValueError):
                Verifier(secrets, keys)

    def test_ed25519_keeps_to_rfc_8032(self):
        # Section 7.1, tests 1 and 3.
        for key, message, signature in (
            ("d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a", "",
             "e5564300c360ac729086e2cc806e828a84877f1eb8e5d974d873e065224901555fb8821590a33bacc61e39701c"
             "f9b46bd25bf5f0595bbe24655141438e7a100b"),
            ("fc51cd8e6218a1a38da47ed00230f0580816ed13ba3303ac5deb911548908025", "af82",
             "6291d657deec24024827e69c3abe01a30ce548a284743a445e3680d7db5ac3ac18ff9b538d16f290ae67f76098"
             "4dc6594a7c15e9716ed28dc027beceea1ec40a"),
        ):
            key, message, signature = map(bytes.fromhex, (key, message, signature))
            self.assertTrue(ed25519.is_good(key, message, signature))
            self.assertFalse(ed25519.is_good(key, message + b"x", signature))
            # The same number, written otherwise: a signature has one form.
            scalar = int.from_bytes(signature[32:], "little") + ed25519.Q
            other = signature[:32] + scalar.to_bytes(32, "little")
            self.assertFalse(ed25519.is_good(key, message, other))


class Reading(unittest.TestCase):
    def test_an_event_is_read(self):
        (read,), is_batch = parse(json.dumps(event("1-9")))
        self.assertFalse(is_batch)
        self.assertEqual((read.position, str(read.position)), (Position(1, 9), "1-9"))
        self.assertEqual(read.time_ms, 1769970600000)
        self.assertTrue(read.allows("marketing.offers", "email"))
        for purpose, channel in (("marketing.offers", "sms"), ("marketing", "email")):
            self.assertFalse(read.allows(purpose, channel))

    def test_positions_are_numbers(self):
        order = [Position.parse(text) for text in ("0-9", "0-10", "0-99", "1-1", "10-0")]
        self.assertEqual(order, sorted(order))
        for text in ("", "17", "0-", "-1", "0--1", "a-b", "0-1 ", "0-１", None, 17):
            with self.assertRaises(Malformed):
                Position.parse(text)

    def test_what_is_not_an_event_is_refused_without_repeating_it(self):
        ana = "ana@example.org"
        for body in (
            "", ana, "7", "{}", "[7]", json.dumps(event(ana)), json.dumps(event(time=ana)),
            json.dumps(event(key=ana)), json.dumps(event(leaving=1)), json.dumps(event(leaving=ana)),
            json.dumps(event(identifiers=ana)), json.dumps(event(permissions=[ana])),
            json.dumps({**event(), "type": ana}), json.dumps({**event(), "specversion": "0.3"}),
            "[" * 100_000,
        ):
            with self.assertRaises(Malformed) as raised:
                parse(body)
            self.assertNotIn("ana", str(raised.exception))

    def test_marks_are_those_of_everybody_else(self):
        line = f"{KEY}|service.news|contact.email||1|5"
        expected = int(hashlib.sha256(line.encode()).hexdigest()[:12], 16)
        self.assertEqual(mark(KEY, "service.news", "contact.email", None, True, 5), expected)
        self.assertEqual(range_of(KEY), 0x012)


class Receiving(unittest.TestCase):
    def setUp(self):
        self.database = sqlite3.connect(":memory:", isolation_level=None)
        self.database.execute("create table customers (email text primary key, opt_in integer)")
        self.store = SqliteStore(self.database)
        self.receiver = Receiver(Verifier([SECRET]), self.store, self.apply)

    def apply(self, transaction, told):
        if "refuse" in told.identifiers[0]:
            raise Refuse
        opt_in = told.allows("marketing.offers", "email")
        transaction.execute("replace into customers values (?, ?)", (told.identifiers[0], opt_in))
        if "fail" in told.identifiers[0]:
            raise RuntimeError("of ana@example.org")

    def send(self, body):
        body = json.dumps(body).encode()
        status, answer = self.receiver.receive(signed(body), body, AT)
        return status, [own["status"] for own in json.loads(answer)["results"]] if answer else []

    def rows(self):
        return self.database.execute("select * from customers order by 1").fetchall()

    def test_newer_only_and_once(self):
        denied = [{**event()["data"]["permissions"][0], "allow": False}]
        later = "2026-02-01T18:30:00.001Z"
        for told, opt_in in (
            (event("0-10"), 1),
            (event("0-9", permissions=denied), 1),
            (event("0-10", permissions=denied), 1),
            (event("0-10", later, permissions=denied), 0),
            (event("0-10"), 0),
            (event("1-1"), 1),
            (event("0-99", permissions=denied), 1),
        ):
            self.assertEqual(self.send(told), (200, ["applied"]))
            self.assertEqual(self.rows(), [("email:ana@example.org", opt_in)])

    def test_both_happen_or_neither(self):
        with self.assertLogs("sayso_receiver") as logs:
            self.assertEqual(self.send(event(identifiers=["email:fail"])), (503, []))
        self.assertNotIn("ana", "".join(logs.output))
        self.assertEqual((self.rows(), self.store.people()), ([], []))
        self.assertEqual(self.send(event(identifiers=["email:refuse"])), (422, []))
        self.assertEqual(self.store.people(), [])
        self.assertEqual(self.send(event()), (200, ["applied"]))

    def test_a_batch_is_answered_one_by_one(self):
        key = lambda digit: digit * 32
        batch = [
            event(key=key("1")), event(key=key("2"), identifiers=["email:refuse"]),
            event(key=key("3"), identifiers=["email:fail"]),
            {**event(), "type": "sayso.ping.v1", "data": {"recipient": "mailer"}},
            event(key=key("4")),
        ]
        with self.assertLogs("sayso_receiver"):
            status, results = self.send(batch)
        self.assertEqual(status, 200)
        self.assertEqual(results, ["applied", "refused", "again", "applied", "applied"])
        self.assertEqual(self.send([]), (200, []))

    def test_strangers_and_nonsense_change_nothing(self):
        body = json.dumps(event()).encode()
        self.assertEqual(self.receiver.receive(headers(), body, AT)[0], 401)
        self.assertEqual(self.receiver.receive(signed(b"{}"), b"{}", AT)[0], 400)
        self.assertEqual(self.receiver.read_back(headers(), b'{"ask":"sums"}', AT)[0], 401)
        self.assertEqual(self.rows(), [])

    def test_what_is_held_is_read_back_as_it_is(self):
        other = "fff" + KEY[3:]
        self.send([event(), event(key=other), event("0-18", key=KEY[::-1], leaving=True)])
        ask = lambda question: self.receiver.read_back(signed(question), question, AT)
        status, answer = ask(b'{"ask":"sums"}')
        expected = total(KEY, parse(json.dumps(event()))[0][0].permissions)
        first = {"range": 0x012, "people": 1, "names": 1, "marks": str(expected)}
        self.assertEqual((status, json.loads(answer)["sums"][0]), (200, first))
        self.assertEqual(len(json.loads(answer)["sums"]), 2)
        _, answer = ask(b'{"ask":"people","range":4095}')
        (kept,) = json.loads(answer)["people"]
        self.assertEqual((kept["key"], kept["position"], kept["names"]), (other, "0-17", 1))
        self.database.execute("update sayso_permissions set allow = 0 where key = ?", (KEY,))
        self.assertNotEqual(json.loads(ask(b'{"ask":"sums"}')[1])["sums"][0], first)
        for question in (b"", b"{}", b'{"ask":"all"}', b'{"ask":"people"}',
                         b'{"ask":"people","range":4096}', b'{"ask":"people","range":"x"}'):
            self.assertEqual(ask(question)[0], 400, question)

    def test_what_may_be_done_is_answered(self):
        ends = [{**event()["data"]["permissions"][0], "until": "2026-02-01T19:00:00.000Z"}]
        self.send(event(permissions=ends))
        asked = lambda name, at: self.store.allows(name, "marketing.offers", "email", at)
        self.assertTrue(asked("email:ana@example.org", 1769972399999))
        self.assertFalse(asked("email:ana@example.org", 1769972400000))
        self.assertFalse(asked("email:ben@example.org", 0))
        # The name is somebody else's by now, who allows nothing.
        later = "2026-02-01T18:31:00.000Z"
        self.send(event("0-18", later, key="f" * 32, permissions=[]))
        self.assertFalse(asked("email:ana@example.org", 0))


class Reporting(unittest.TestCase):
    def test_reports_are_sent_until_they_are_taken(self):
        heard, answers = [], [503, 401, 200, 200]

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self):
                body = self.rfile.read(int(self.headers["content-length"]))
                heard.append((self.path, self.headers["authorization"], json.loads(body)))
                self.send_response(answers.pop(0))
                self.send_header("content-length", "0")
                self.end_headers()

            def log_message(self, *_):
                pass

        server = HTTPServer(("127.0.0.1", 0), Handler)
        threading.Thread(target=server.serve_forever, daemon=True).start()
        self.addCleanup(server.server_close)
        self.addCleanup(server.shutdown)
        effects = Effects(f"http://127.0.0.1:{server.server_address[1]}/", "key", "mailer")
        (told,), _ = parse(json.dumps(event()))
        effects.applied(told)
        self.assertTrue(effects.close())
        report = {
            "recipient": "mailer",
            "effects": [
                {"identifier": "email:ana@example.org", "position": "0-17", "state": "applied"},
            ],
        }
        self.assertEqual(heard, [("/v1/effects", "Bearer key", report)] * 3)


if __name__ == "__main__":
    unittest.main()
