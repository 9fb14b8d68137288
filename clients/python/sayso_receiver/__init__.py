"""Takes what Sayso tells a system: verified, in order, once, in the system's own transaction.

Reading order: verify, events, marks, store, receiver, effects.
"""

from .effects import Effects
from .events import Event, Malformed, Permission, Ping, Position, parse
from .marks import mark, range_of, total
from .receiver import Receiver, Refuse
from .store import SqliteStore, Store
from .verify import Unverified, Verifier

__all__ = [
    "Effects", "Event", "Malformed", "Permission", "Ping", "Position", "Receiver", "Refuse",
    "SqliteStore", "Store", "Unverified", "Verifier", "mark", "parse", "range_of", "total",
]
