"""Whether a request is Sayso's: signatures as Standard Webhooks 1.0.0 has them."""

import base64
import binascii
import hmac
import time

from . import ed25519

TOLERANCE_SECONDS = 300


class Unverified(Exception):
    """A request that must not be believed. Answer 401 and look at nothing in it."""


def _decode(text, prefix):
    if not text.startswith(prefix):
        raise ValueError(f"the key does not begin with {prefix}")
    try:
        return base64.b64decode(text[len(prefix):], validate=True)
    except binascii.Error:
        raise ValueError("the key is not base64 after its prefix") from None


class Verifier:
    """Checks requests. Several secrets and keys hold at once, so that each can be changed.

    ``secrets`` are those shared with Sayso (``whsec_…``) and check ``v1``; ``keys`` are Sayso's
    public keys (``whpk_…``) and check ``v1a``. One good signature is enough.
    """

    def __init__(self, secrets=(), keys=(), tolerance_seconds=TOLERANCE_SECONDS):
        self._secrets = [_decode(secret, "whsec_") for secret in secrets]
        self._keys = [_decode(key, "whpk_") for key in keys]
        if not all(24 <= len(secret) <= 64 for secret in self._secrets):
            raise ValueError("a secret has from 24 to 64 bytes")
        if not all(ed25519.is_key(key) for key in self._keys):
            raise ValueError("a public key is damaged")
        if not self._secrets and not self._keys:
            raise ValueError("without a secret or a key nothing can be verified")
        self._tolerance = tolerance_seconds

    def verify(self, headers, body, at_seconds=None):
        """Returns if the request is good; raises :class:`Unverified` if not.

        ``body`` is what came, byte for byte. ``at_seconds`` is now, unless a test says otherwise.
        """
        own = {str(name).lower(): value for name, value in dict(headers).items()}
        message_id = own.get("webhook-id", "")
        timestamp = own.get("webhook-timestamp", "")
        signatures = own.get("webhook-signature", "")
        if not (timestamp.isascii() and timestamp.isdigit() and len(timestamp) <= 15):
            raise Unverified("webhook-timestamp is not a number of seconds")
        at_seconds = time.time() if at_seconds is None else at_seconds
        if abs(int(timestamp) - at_seconds) > self._tolerance:
            raise Unverified("webhook-timestamp is too far from now; check both clocks")
        content = f"{message_id}.{timestamp}.".encode() + body
        if not any(self._is_good(content, entry) for entry in signatures.split(" ")):
            raise Unverified("webhook-signature holds no valid signature of this message")

    def _is_good(self, content, entry):
        version, _, encoded = entry.partition(",")
        try:
            signature = base64.b64decode(encoded, validate=True)
        except (binascii.Error, ValueError):
            return False
        if version == "v1":
            macs = [hmac.digest(secret, content, "sha256") for secret in self._secrets]
            return any([hmac.compare_digest(mac, signature) for mac in macs])
        if version == "v1a":
            return any(ed25519.is_good(key, content, signature) for key in self._keys)
        return False
