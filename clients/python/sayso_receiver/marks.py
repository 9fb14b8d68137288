"""Marks: what Sayso compares to see whether we hold what it told."""

import hashlib

WRAP = 1 << 64


def mark(key, purpose, data, channel, allow, until_ms):
    """The mark of one permission: the first 48 bits of SHA-256 over a line."""
    until = "" if until_ms is None else until_ms
    line = f"{key}|{purpose}|{data}|{channel or ''}|{int(bool(allow))}|{until}"
    return int.from_bytes(hashlib.sha256(line.encode()).digest()[:6], "big")


def total(key, permissions):
    """The sum of the marks of somebody's permissions."""
    marks = (mark(key, p.purpose, p.data, p.channel, p.allow, p.until_ms) for p in permissions)
    return sum(marks) % WRAP


def range_of(key):
    """The range of a key: its first three hexadecimal digits."""
    return int(key[:3], 16)
