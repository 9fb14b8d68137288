"""What Sayso tells: CloudEvents, one by one or in a batch, read strictly."""

import datetime
import json
import re
from dataclasses import dataclass
from typing import NamedTuple, Optional, Tuple

PERMISSIONS = "sayso.permissions.v1"
PING = "sayso.ping.v1"

_EPOCH = datetime.datetime(1970, 1, 1, tzinfo=datetime.timezone.utc)
_KEY = re.compile(r"[0-9a-f]{32}\Z")


class Malformed(ValueError):
    """A body that is not what Sayso sends. Says nothing of what it holds."""


class Position(NamedTuple):
    """A place in the ledger. Written ``0-17``: epoch and number, compared as numbers."""

    epoch: int
    number: int

    @classmethod
    def parse(cls, text):
        match = re.match(r"([0-9]{1,5})-([0-9]{1,20})\Z", text) if isinstance(text, str) else None
        if not match:
            raise Malformed("a position is written like 0-17")
        return cls(int(match[1]), int(match[2]))

    def __str__(self):
        return f"{self.epoch}-{self.number}"


@dataclass(frozen=True)
class Permission:
    """One thing that may or may not be done."""

    purpose: str
    data: str
    channel: Optional[str]
    allow: bool
    reason: str
    #: Until when, in milliseconds since 1970, if it ends by itself.
    until_ms: Optional[int]


@dataclass(frozen=True)
class Ping:
    """A request that tries whether we are there."""

    id: str


@dataclass(frozen=True)
class Event:
    """Everything that may be done about one person now: not only what changed."""

    id: str
    #: When it was composed, in milliseconds since 1970.
    time_ms: int
    recipient: str
    #: Names the person to us alone, in every message.
    key: str
    position: Position
    #: ``namespace:value``.
    identifiers: Tuple[str, ...]
    #: Delete what is held under these names.
    leaving: bool
    permissions: Tuple[Permission, ...]

    @property
    def version(self):
        """Of two events with one key the one with the higher version counts."""
        return (*self.position, self.time_ms)

    def allows(self, purpose, channel=None):
        """Whether a purpose may be followed by a channel. What is not declared may not."""
        own = [p for p in self.permissions if p.purpose == purpose and p.channel == channel]
        return not self.leaving and bool(own) and all(p.allow for p in own)


def milliseconds(text):
    """A time as in RFC 3339, in milliseconds since 1970."""
    try:
        moment = datetime.datetime.fromisoformat(text.replace("Z", "+00:00"))
        return (moment - _EPOCH) // datetime.timedelta(milliseconds=1)
    except (AttributeError, TypeError, ValueError):
        raise Malformed("a time is written as in RFC 3339") from None


def parse(body):
    """The events of a request's body: a list of :class:`Event` and :class:`Ping`, and whether it
    was a batch."""
    try:
        read = json.loads(body)
    except (ValueError, UnicodeDecodeError, RecursionError):
        raise Malformed("the body is not JSON") from None
    is_batch = isinstance(read, list)
    return [_event(one) for one in (read if is_batch else [read])], is_batch


def _take(value, kind, *, name):
    # In Python a bool is a number as well.
    if not isinstance(value, kind) or (kind is not bool and isinstance(value, bool)):
        raise Malformed(f"`{name}` is missing or of another type")
    return value


def _event(read):
    _take(read, dict, name="event")
    text = lambda source, name: _take(source.get(name), str, name=name)
    if read.get("specversion") != "1.0":
        raise Malformed("`specversion` is not 1.0")
    kind = text(read, "type")
    if kind == PING:
        return Ping(text(read, "id"))
    if kind != PERMISSIONS:
        raise Malformed("`type` is none that is known")
    data = _take(read.get("data"), dict, name="data")
    key = text(data, "key")
    if not _KEY.match(key):
        raise Malformed("`key` is not 32 hexadecimal digits")
    names = _take(data.get("identifiers"), list, name="identifiers")
    permissions = _take(data.get("permissions"), list, name="permissions")
    return Event(
        id=text(read, "id"),
        time_ms=milliseconds(text(read, "time")),
        recipient=text(data, "recipient"),
        key=key,
        position=Position.parse(text(data, "position")),
        identifiers=tuple(_take(name, str, name="identifiers") for name in names),
        leaving=_take(data.get("leaving"), bool, name="leaving"),
        permissions=tuple(_permission(one) for one in permissions),
    )


def _permission(read):
    _take(read, dict, name="permissions")
    text = lambda name: _take(read.get(name), str, name=name)
    optional = lambda name: None if read.get(name) is None else text(name)
    until = optional("until")
    return Permission(
        purpose=text("purpose"),
        data=text("data"),
        channel=optional("channel"),
        allow=_take(read.get("allow"), bool, name="allow"),
        reason=text("reason"),
        until_ms=None if until is None else milliseconds(until),
    )
