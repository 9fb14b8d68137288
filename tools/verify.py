#!/usr/bin/env python3
"""Verifies the file of a ledger, or receipts, without Sayso.

It knows docs/reference/ledger.md alone: the two agree only if both keep to what is written there.

    verify.py ledger FILE... [--public-key HEX] [--root-key FILE] [--checkpoint FILE] [--json]
    verify.py receipt FILE... --public-key HEX [--json]

Exit code: 0 all holds, 1 something does not, 2 it could not be checked.
"""

import argparse
import base64
import hashlib
import hmac
import json
import sqlite3
import sys
import urllib.parse
from pathlib import Path

from nacl.bindings import crypto_aead_xchacha20poly1305_ietf_decrypt as decrypt
from nacl.exceptions import CryptoError
from nacl.signing import SigningKey, VerifyKey

FIELDS = "schema_version receipt_id position entry salt commitment proof checkpoint public_key signature"
ROWS = """SELECT entries.number, commitment, chain, payloads.subject, sealed, wrapped FROM entries
    LEFT JOIN payloads ON payloads.number = entries.number
    LEFT JOIN subject_keys ON subject_keys.subject = payloads.subject
    WHERE entries.number > 0 ORDER BY entries.number"""
STRAYS = """SELECT 'payload ' || number FROM payloads WHERE number NOT IN (SELECT number FROM entries)
    UNION ALL SELECT 'key ' || hex(subject) FROM subject_keys
    WHERE subject NOT IN (SELECT subject FROM payloads)
    UNION ALL SELECT 'entry ' || number FROM entries WHERE number < 1"""


class Problem(Exception):
    """Something does not hold."""


class Unreadable(Exception):
    """Nothing can be said: no such file, no such form."""


def sha256(*parts):
    return hashlib.sha256(b"".join(parts)).digest()


def mac(key, *parts):
    return hmac.digest(key, b"".join(parts), "sha256")


def derive(root, label):  # HKDF-SHA256 without salt; 32 bytes are one block.
    return mac(mac(bytes(32), root), label.encode(), b"\x01")


def open_sealed(key, place, sealed):
    """XChaCha20-Poly1305: 24 bytes of nonce, then ciphertext and tag."""
    try:
        return decrypt(sealed[24:], place, sealed[:24], key)
    except (CryptoError, ValueError):
        raise Problem("the sealed bytes do not open with this key at this place") from None


def from_hex(text, length, what):
    """Lower-case hexadecimal: one value has one spelling."""
    value = bytes.fromhex(text) if isinstance(text, str) and set(text) <= set("0123456789abcdef") else b""
    if len(value) != length or value.hex() != text:
        raise Problem(f"{what} is not {2 * length} lower-case hexadecimal digits")
    return value


def from_base64(text, what):
    try:
        value = base64.b64decode(text)
        # Decoding drops foreign characters and spare bits; they would be a second spelling.
        if base64.b64encode(value).decode() == text:
            return value
    except (TypeError, ValueError):
        pass
    raise Problem(f"{what} is not base64 in its one spelling")


def unique(pairs):
    if len({key for key, _ in pairs}) != len(pairs):
        raise ValueError("a key twice")
    return dict(pairs)


def parse_json(data):
    """JSON without equal keys. The ledger has no fractions; here one becomes null, and so another."""
    try:
        return json.loads(data.decode(), object_pairs_hook=unique, parse_float=lambda _: None)
    except (ValueError, RecursionError):
        raise Problem("the bytes are not JSON, or have a key twice") from None


def canonical(value):
    """RFC 8785 for what `parse_json` lets through. Keys are sorted by their UTF-16 code units."""
    if isinstance(value, dict):
        keys = sorted(value, key=lambda key: key.encode("utf-16-be", "surrogatepass"))
        return b"{" + b",".join(canonical(key) + b":" + canonical(value[key]) for key in keys) + b"}"
    if isinstance(value, list):
        return b"[" + b",".join(map(canonical, value)) + b"]"
    return json.dumps(value, ensure_ascii=False).encode("utf-8", "surrogatepass")


class Tree:
    """The roots of the perfect subtrees that an RFC 6962 tree is made of, largest first."""

    def __init__(self):
        self.size, self.roots = 0, []

    def push(self, commitment):
        node, carry = sha256(b"\x00", commitment), self.size
        while carry & 1:
            node, carry = sha256(b"\x01", self.roots.pop(), node), carry >> 1
        self.roots.append(node)
        self.size += 1

    def root(self):
        root = self.roots[-1] if self.roots else sha256()
        for left in reversed(self.roots[:-1]):
            root = sha256(b"\x01", left, root)
        return root


def root_by_path(commitment, index, size, path):
    """The root that a leaf and its siblings come to, or none: RFC 9162 section 2.1.3.2."""
    if index >= size:
        return None
    node, last, root = index, size - 1, sha256(b"\x00", commitment)
    for sibling in path:
        if last == 0:
            return None
        if node & 1 or node == last:
            root = sha256(b"\x01", sibling, root)
            while not node & 1 and node:
                node, last = node >> 1, last >> 1
        else:
            root = sha256(b"\x01", root, sibling)
        node, last = node >> 1, last >> 1
    return None if last else root


def is_signed(key, message, signature):
    try:
        return bool(VerifyKey(key).verify(message, signature))
    except (CryptoError, ValueError):
        return False


def open_note(note, key):
    """Origin, size and root of a checkpoint; its signature is checked if there is a key."""
    body, _, signatures = note.partition("\n\n")
    lines = body.split("\n")
    if len(lines) != 3 or not signatures.endswith("\n"):
        raise Problem("it is not of the form `origin, size, root, blank line, signature`")
    origin, size, root = lines[0], lines[1], from_base64(lines[2], "its root")
    if not (size.isascii() and size.isdecimal() and len(size) < 20 and str(int(size)) == size and len(root) == 32):
        raise Problem("its size or root is not of the form it must have")
    if key and not any(is_signature(line, origin, body, key) for line in signatures[:-1].split("\n")):
        raise Problem("it carries no signature by this log's key")
    return origin, int(size), root


def is_signature(line, origin, body, key):
    if not line.startswith(f"\u2014 {origin} "):
        return False
    tagged = from_base64(line.rpartition(" ")[2], "its signature")
    is_ours = line.count(" ") == 2 and tagged[:4] == sha256(origin.encode(), b"\n\x01", key)[:4]
    return is_ours and is_signed(key, (body + "\n").encode(), tagged[4:])


def check_entry(plain, commitment, position, subject):
    """Salt and canonical bytes are the ones committed to, and belong to this place and person."""
    salt, data = plain[:32], plain[32:]
    if mac(salt, b"sayso entry v1\0", data) != commitment:
        raise Problem("the entry does not match its commitment")
    entry = parse_json(data)
    if canonical(entry) != data:
        raise Problem("the entry's bytes are not in their canonical form")
    found = (entry.get("v"), entry.get("position"), entry.get("subject", bytes(16).hex()))
    if found != (1, position, subject.hex()):
        raise Problem("the entry is of another version, place or person")


class Ledger:
    def __init__(self, path, public, wrapping, kept):
        self.path, self.public, self.wrapping, self.kept = path, public, wrapping, kept
        self.heads, self.tree, self.problems = [], Tree(), []
        self.report = {"file": path, "entries": 0, "erased": 0, "opened": 0, "root": "", "is_signed": False}

    def problem(self, what, error):
        self.problems.append(f"{what}: {error}")

    def verify(self):
        mode = "mode=ro" if Path(self.path + "-wal").exists() else "mode=ro&immutable=1"
        database = sqlite3.connect(f"file:{urllib.parse.quote(self.path)}?{mode}", uri=True)
        database.text_factory = lambda data: data.decode("utf-8", "replace")
        self.notes(dict(database.execute("SELECT name, value FROM meta")))
        self.walk(database.execute(ROWS))
        for (what,) in database.execute(STRAYS):
            self.problem(what, "it belongs to nothing")
        self.report.update(entries=self.tree.size, root=self.tree.root().hex())
        return {**self.report, "problems": self.problems}

    def notes(self, meta):
        """The signed heads to meet on the way: the stored one, and one that was kept elsewhere."""
        if "ledger_id" not in meta:
            raise Unreadable("the file is no ledger: it has no name")
        own = "sayso/" + meta["ledger_id"]
        for what, note in [("the signed head", meta.get("checkpoint")), ("the kept checkpoint", self.kept)]:
            try:
                if note is not None:
                    origin, size, root = open_note(note, self.public)
                    if origin != own:
                        raise Problem(f"it is of {origin}, this is {own}")
                    self.heads.append((what, size, root))
                    self.report["is_signed"] |= self.public is not None and what == "the signed head"
            except Problem as error:
                self.problem(what, error)

    def walk(self, rows):
        before, chain = 0, bytes(32)
        for number, commitment, stored, *payload in rows:
            what = f"entry 0-{number}"
            if number != before + 1:
                self.problem(what, f"entry 0-{before + 1} should stand before it and is missing")
            if stored != sha256(b"sayso chain v1\0", chain, number.to_bytes(8, "big"), commitment):
                self.problem(what, "the chain is broken")
            before, chain = number, stored
            self.tree.push(commitment)
            self.payload(what, number, commitment, *payload)
            for head, size, root in self.heads:
                if size == self.tree.size and root != self.tree.root():
                    self.problem(head, "it has another root than the entries before it")
        for head, size, _ in self.heads:
            if size > before or (size < before and head == "the signed head"):
                self.problem(head, f"it is over {size} entries, the ledger has {before}")
        if not any(head == "the signed head" for head, _, _ in self.heads) and before:
            self.problem("the signed head", "there is none that holds")

    def payload(self, what, number, commitment, subject, sealed, wrapped):
        if sealed is None:
            self.report["erased"] += 1
            return
        try:
            if wrapped is None:
                raise Problem("the subject's key is missing")
            if self.wrapping:
                key = open_sealed(self.wrapping, subject, wrapped)
                place = b"sayso payload v1\0" + bytes(2) + number.to_bytes(8, "big") + subject
                check_entry(open_sealed(key, place, sealed), commitment, f"0-{number}", subject)
                self.report["opened"] += 1
        except Problem as error:
            self.problem(what, error)


def check_receipt(data, key):
    receipt = parse_json(data)
    if not isinstance(receipt, dict) or set(receipt) != set(FIELDS.split()):
        raise Problem("the receipt has not exactly the fields that one has")
    # 1. The signature, over all but itself. What follows is therefore of the form it must have.
    signature = from_base64(receipt.pop("signature"), "the signature")
    if not is_signed(key, b"sayso receipt v1\0" + canonical(receipt), signature):
        raise Problem("the receipt's signature does not hold under this key")
    if receipt["schema_version"] != "sayso-receipt-1" or receipt["public_key"] != key.hex():
        raise Problem("the receipt is of another version or names another key")
    # 2. The entry is the one that was committed to.
    entry, position = receipt["entry"], receipt["position"]
    commitment = from_hex(receipt["commitment"], 32, "the commitment")
    salt = from_hex(receipt["salt"], 32, "the salt")
    subject = from_hex(entry.get("subject"), 16, "the subject")
    check_entry(salt + canonical(entry), commitment, position, subject)
    # 3. The commitment leads to the head, at that place, and the head is signed.
    path = [from_hex(node, 32, "a hash of the proof") for node in receipt["proof"]]
    origin, size, root = open_note(receipt["checkpoint"], key)
    if receipt["receipt_id"] != f"{origin}/{position}":
        raise Problem("the receipt's id is of another log or place")
    if root_by_path(commitment, int(position.removeprefix("0-")) - 1, size, path) != root:
        raise Problem("the proof does not lead to the signed head")


def keys(options):
    """The public key and the wrapping key, as far as they were given."""
    public = options.public_key and from_hex(options.public_key.strip().lower(), 32, "the public key")
    if options.command == "receipt" or not options.root_key:
        return public, None
    root = from_hex(Path(options.root_key).read_text("ascii", "replace").strip().lower(), 32, "the root key")
    own = bytes(SigningKey(derive(root, "sayso signing v1")).verify_key)
    if public not in (None, own):
        raise Problem("the public key is not the one of the root key")
    return own, derive(root, "sayso wrapping v1")


def verify(path, options, public, wrapping, kept):
    report = {"file": path, "problems": []}
    try:
        if options.command == "ledger":
            report = Ledger(path, public, wrapping, kept).verify()
        else:
            check_receipt(Path(path).read_bytes(), public)
    except Problem as error:
        report["problems"].append(f"the receipt: {error}")
    except (Unreadable, OSError, sqlite3.Error, TypeError) as error:
        report["error"] = str(error)
    return report


def show(report, as_json):
    """One line for each finding. Returns the exit code."""
    code = 2 if "error" in report else 1 if report["problems"] else 0
    if as_json:
        print(json.dumps({"holds": code == 0, **report}))
    elif code == 0:
        facts = "".join(f", {report[name]} {name}" for name in ("entries", "erased", "opened") if name in report)
        unsigned = "" if report.get("is_signed", True) else ", signatures not checked: no key was given"
        print(f"{report['file']}: holds{facts}{unsigned}")
    else:
        for problem in report["problems"] or [f"cannot be checked: {report['error']}"]:
            print(f"{report['file']}: {problem}")
    return code


def main():
    parser = argparse.ArgumentParser(description="Verifies a ledger or receipts, without Sayso.")
    commands = parser.add_subparsers(dest="command", required=True)
    for name, what in [("ledger", "the file of a ledger, such as a copy"), ("receipt", "receipts")]:
        command = commands.add_parser(name, help=what)
        command.add_argument("file", nargs="+")
        command.add_argument("--public-key", required=name == "receipt", help="64 hexadecimal digits")
        command.add_argument("--json", action="store_true", help="one line of JSON for each file")
    commands.choices["ledger"].add_argument("--root-key", help="the key file: opens every payload as well")
    commands.choices["ledger"].add_argument("--checkpoint", help="a signed head that was kept elsewhere")
    options = parser.parse_args()
    try:
        public, wrapping = keys(options)
        kept = getattr(options, "checkpoint", None)
        kept = kept and Path(options.checkpoint).read_text("utf-8", "replace")
    except (Problem, OSError) as error:
        print(f"cannot be checked: {error}", file=sys.stderr)
        return 2
    return max(show(verify(path, options, public, wrapping, kept), options.json) for path in options.file)


if __name__ == "__main__":
    sys.exit(main())
