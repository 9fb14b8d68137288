"""Checking Ed25519 signatures (RFC 8032), strictly, with nothing but whole numbers.

It takes a few milliseconds and needs no library. Nothing secret goes in, so it need not take the
same time for everything. Keys and points of small order are refused, as Sayso's own verifier does.
"""

import hashlib

P = 2**255 - 19
Q = 2**252 + 27742317777372353535851937790883648493
D = -121665 * pow(121666, P - 2, P) % P
ROOT = pow(2, (P - 1) // 4, P)
NEUTRAL = (0, 1, 1, 0)


def _add(a, b):
    e = (a[1] - a[0]) * (b[1] - b[0]) % P
    f = (a[1] + a[0]) * (b[1] + b[0]) % P
    g = 2 * a[3] * b[3] * D % P
    h = 2 * a[2] * b[2] % P
    return ((f - e) * (h - g) % P, (h + g) * (f + e) % P, (h - g) * (h + g) % P, (f - e) * (f + e) % P)


def _times(number, point):
    result = NEUTRAL
    while number:
        if number & 1:
            result = _add(result, point)
        point = _add(point, point)
        number >>= 1
    return result


def _equal(a, b):
    return (a[0] * b[2] - b[0] * a[2]) % P == 0 and (a[1] * b[2] - b[1] * a[2]) % P == 0


def _x(y, sign):
    if y >= P:
        return None
    square = (y * y - 1) * pow(D * y * y + 1, P - 2, P) % P
    x = pow(square, (P + 3) // 8, P)
    if (x * x - square) % P:
        x = x * ROOT % P
    if (x * x - square) % P or (x == 0 and sign):
        return None
    return P - x if x & 1 != sign else x


def _point(data):
    number = int.from_bytes(data, "little")
    y = number & ((1 << 255) - 1)
    x = _x(y, number >> 255)
    if x is None:
        return None
    point = (x, y, 1, x * y % P)
    return None if _equal(_times(8, point), NEUTRAL) else point


BASE = _point((4 * pow(5, P - 2, P) % P).to_bytes(32, "little"))


def is_key(key):
    """Whether 32 bytes are a public key."""
    return len(key) == 32 and _point(key) is not None


def is_good(key, message, signature):
    """Whether a signature of 64 bytes is one of this message under this public key."""
    if len(key) != 32 or len(signature) != 64:
        return False
    point, commitment = _point(key), _point(signature[:32])
    scalar = int.from_bytes(signature[32:], "little")
    if point is None or commitment is None or scalar >= Q:
        return False
    digest = hashlib.sha512(signature[:32] + key + message).digest()
    challenge = int.from_bytes(digest, "little") % Q
    return _equal(_times(scalar, BASE), _add(commitment, _times(challenge, point)))
