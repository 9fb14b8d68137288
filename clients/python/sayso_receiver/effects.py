"""Reporting what was applied: ``POST /v1/effects``, many at a time, again until it is taken."""

import json
import threading
import time
import urllib.error
import urllib.request

BATCH_MAX = 1000
REST_MAX_SECONDS = 30.0


class Effects:
    """Sends reports from a thread of its own. What is not sent when the program ends is told again
    by Sayso, and reported then: nothing has to be kept."""

    def __init__(self, url, key, recipient=None, timeout_seconds=10.0):
        self._url = url.rstrip("/") + "/v1/effects"
        self._key = key
        self._recipient = recipient
        self._timeout = timeout_seconds
        self._waiting = {}
        self._changed = threading.Condition()
        self._is_closed = False
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def applied(self, event):
        """Notes that an event was applied. Of one person only the newest is reported."""
        if not event.identifiers:
            return
        with self._changed:
            known = self._waiting.get(event.key)
            if known is None or known["position"] <= event.position:
                self._waiting[event.key] = {
                    "identifier": event.identifiers[0], "position": event.position,
                }
                self._changed.notify()

    def close(self, patience_seconds=10.0):
        """Sends what waits, if that can be done in time; whether it could."""
        with self._changed:
            self._is_closed = True
            self._changed.notify()
        self._thread.join(patience_seconds)
        return not self._waiting

    def _run(self):
        rest = 0.2
        while True:
            with self._changed:
                while not self._waiting and not self._is_closed:
                    self._changed.wait()
                batch = dict(list(self._waiting.items())[:BATCH_MAX])
            if not batch:
                return
            if self._send(batch.values()):
                rest = 0.2
                with self._changed:
                    for key, sent in batch.items():
                        if self._waiting.get(key) is sent:
                            del self._waiting[key]
            else:
                time.sleep(rest)
                rest = min(rest * 2, REST_MAX_SECONDS)

    def _send(self, batch):
        effects = [
            {"identifier": own["identifier"], "position": str(own["position"]), "state": "applied"}
            for own in batch
        ]
        body = {"effects": effects}
        if self._recipient:
            body["recipient"] = self._recipient
        headers = {"content-type": "application/json", "authorization": f"Bearer {self._key}"}
        request = urllib.request.Request(self._url, json.dumps(body).encode(), headers)
        try:
            with urllib.request.urlopen(request, timeout=self._timeout) as answer:
                return 200 <= answer.status < 300
        except (urllib.error.URLError, OSError):
            # Also what is refused: a key or an address can be repaired, and then all is sent.
            return False
