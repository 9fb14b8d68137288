"""The whole of it: a request in, an answer out. It knows no web framework."""

import json
import logging

from .events import Malformed, Ping, parse
from .store import sums
from .verify import Unverified

log = logging.getLogger("sayso_receiver")


class Refuse(Exception):
    """Raised by the application: this very event will never do. It is parked at Sayso, where a
    person sees it. Anything else that is raised means: try again."""


class Receiver:
    """Takes requests.

    ``apply(transaction, event)`` changes the application's own data, in the transaction that also
    notes that the event was taken: both happen or neither. It is called for what is newer only.
    ``effects`` reports what was applied; without, only batches say so, in their answers.
    """

    def __init__(self, verifier, store, apply=None, effects=None):
        self._verifier = verifier
        self._store = store
        self._apply = apply or (lambda transaction, event: None)
        self._effects = effects

    def receive(self, headers, body, at_seconds=None):
        """What came to the address of the sink; returns status and body of the answer."""
        try:
            self._verifier.verify(headers, body, at_seconds)
        except Unverified:
            return 401, b""
        try:
            events, is_batch = parse(body)
        except Malformed as problem:
            return 400, json.dumps({"problem": str(problem)}).encode()
        results = [self._one(event) for event in events]
        if not is_batch and results[0]["status"] != "applied":
            return (422 if results[0]["status"] == "refused" else 503), b""
        return 200, json.dumps({"results": results}).encode()

    def _one(self, event):
        if isinstance(event, Ping):
            return {"id": event.id, "status": "applied"}
        try:
            with self._store.transaction() as transaction:
                if self._store.take(transaction, event):
                    self._apply(transaction, event)
        except Refuse:
            return {"id": event.id, "status": "refused"}
        except Exception as error:
            # Its text may hold anything, personal data included.
            log.error("an event was not applied: %s", type(error).__name__)
            return {"id": event.id, "status": "again"}
        if self._effects is not None:
            self._effects.applied(event)
        return {"id": event.id, "status": "applied"}

    def read_back(self, headers, body, at_seconds=None):
        """What came to ``read_back_url``; returns status and body of the answer."""
        try:
            self._verifier.verify(headers, body, at_seconds)
            question = json.loads(body)
            asked = question["ask"]
            range_ = question["range"] if asked == "people" else None
            if asked not in ("sums", "people") or (asked == "people" and range_ not in range(4096)):
                return 400, b""
        except Unverified:
            return 401, b""
        except (KeyError, TypeError, ValueError):
            return 400, b""
        people = self._store.people(range_)
        found = sums(people) if asked == "sums" else people
        # As text: many languages round numbers beyond 2^53.
        said = [{**one, "marks": str(one["marks"])} for one in found]
        return 200, json.dumps({asked: said}).encode()
