"""Where it is kept what was told, and how new that is."""

import contextlib
import sqlite3
from abc import ABC, abstractmethod

from .marks import WRAP, mark, range_of


class Store(ABC):
    """What a :class:`Receiver` needs of a place to keep things. Everything that happens to one
    event happens in one transaction, the application's own changes included."""

    @abstractmethod
    def transaction(self):
        """A context manager. What it yields is handed to :meth:`take` and to the application;
        leaving it by an exception undoes everything."""

    @abstractmethod
    def take(self, transaction, event):
        """Keeps an event if it is newer than what is kept under its key; whether it was."""

    @abstractmethod
    def people(self, range_=None):
        """Everybody, or everybody in a range: dicts of key, position, names and marks."""


class SqliteStore(Store):
    """Keeps everything in tables of a SQLite database, best the application's own: then its rows
    and ours change together. ``connection`` must be in autocommit mode (``isolation_level=None``)
    and belong to one thread at a time."""

    def __init__(self, connection, prefix="sayso_"):
        if not prefix.replace("_", "a").isalnum() or not prefix.isascii():
            raise ValueError("a prefix is of letters, digits and _")
        if connection.isolation_level is not None:
            raise ValueError("open the connection with isolation_level=None")
        self.connection = connection
        self._prefix = prefix
        connection.executescript(self._sql("""
            create table if not exists {people} (
                key text primary key, epoch integer not null, number integer not null,
                time_ms integer not null, leaving integer not null) without rowid;
            create table if not exists {names} (
                key text not null, name text not null, primary key (key, name)) without rowid;
            create index if not exists {names}_name on {names} (name);
            create table if not exists {permissions} (
                key text not null, purpose text not null, data text not null, channel text,
                allow integer not null, until_ms integer);
            create index if not exists {permissions}_key on {permissions} (key);"""))

    def _sql(self, text):
        return text.replace("{", self._prefix).replace("}", "")

    @contextlib.contextmanager
    def transaction(self):
        self.connection.execute("begin immediate")
        try:
            yield self.connection
        except BaseException:
            self.connection.execute("rollback")
            raise
        self.connection.execute("commit")

    def take(self, transaction, event):
        run = lambda sql, *values: transaction.execute(self._sql(sql), values)
        row = run("select epoch, number, time_ms from {people} where key = ?", event.key).fetchone()
        if row is not None and tuple(row) >= event.version:
            return False
        run("replace into {people} values (?, ?, ?, ?, ?)", event.key, *event.version, event.leaving)
        run("delete from {names} where key = ?", event.key)
        run("delete from {permissions} where key = ?", event.key)
        if event.leaving:
            return True
        for name in event.identifiers:
            run("insert or ignore into {names} values (?, ?)", event.key, name)
        for p in event.permissions:
            run("insert into {permissions} values (?, ?, ?, ?, ?, ?)",
                event.key, p.purpose, p.data, p.channel, p.allow, p.until_ms)
        return True

    def allows(self, identifier, purpose, channel, at_ms):
        """Whether somebody may be reached for a purpose now. Of two who had a name in turn the
        later holder counts; what is not known may not be done."""
        holder = """select n.key from {names} n join {people} p on p.key = n.key where n.name = ?
            order by p.time_ms desc, p.epoch desc, p.number desc limit 1"""
        select = f"""select min(allow and coalesce(until_ms > ?, 1)) from {{permissions}}
            where key = ({holder}) and purpose = ? and channel is ?"""
        values = (at_ms, identifier, purpose, channel)
        return bool(self.connection.execute(self._sql(select), values).fetchone()[0])

    def people(self, range_=None):
        begin = "" if range_ is None else f"{range_:03x}"
        select = lambda text: self.connection.execute(
            self._sql(text + " where substr(key, 1, ?) = ?"), (len(begin), begin))
        kept = {}
        for key, epoch, number, leaving in select("select key, epoch, number, leaving from {people}"):
            if not leaving:
                kept[key] = {"key": key, "position": f"{epoch}-{number}", "names": 0, "marks": 0}
        # Over the rows as they are: what a hand changed is seen.
        for (key,) in select("select key from {names}"):
            if key in kept:
                kept[key]["names"] += 1
        rows = select("select key, purpose, data, channel, allow, until_ms from {permissions}")
        for row in rows:
            if row[0] in kept:
                kept[row[0]]["marks"] = (kept[row[0]]["marks"] + mark(*row)) % WRAP
        return list(kept.values())


def sums(people):
    """What is held by range, of what :meth:`Store.people` says."""
    found = {}
    for kept in people:
        range_ = range_of(kept["key"])
        own = found.setdefault(range_, {"range": range_, "people": 0, "names": 0, "marks": 0})
        own["people"] += 1
        own["names"] += kept["names"]
        own["marks"] = (own["marks"] + kept["marks"]) % WRAP
    return list(found.values())
