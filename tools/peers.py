"""Peers for `cargo xtask bench audience --peers`: what data tools take to join an audience to ids.

Reads two Parquet files into memory: everybody's ids, and the ids of those who said yes, in another
order. The first line on standard output names the versions. Then each line on standard input names
a peer; the answer is one line of JSON: how long the semi-join took, and how many it found. The one
process lives as long as the measurement, so that starting it is not measured; it ends with its
input.

    python3 peers.py people.parquet allowed.parquet
"""

import json
import sys
import time

import duckdb
import polars


def joined_by_polars(people, allowed):
    return len(people.join(allowed, on="id", how="semi"))


def joined_by_duckdb(database):
    query = "SELECT id FROM people SEMI JOIN allowed USING (id)"
    return len(database.execute(query).fetchnumpy()["id"])


def prepared(people, allowed):
    database = duckdb.connect()
    for name, path in (("people", people), ("allowed", allowed)):
        database.execute(f"CREATE TABLE {name} AS SELECT id FROM read_parquet(?)", [path])
    frames = polars.read_parquet(people), polars.read_parquet(allowed)
    return {
        "polars": lambda: joined_by_polars(*frames),
        "duckdb": lambda: joined_by_duckdb(database),
    }


def main():
    peers = prepared(*sys.argv[1:3])
    versions = {"polars": polars.__version__, "duckdb": duckdb.__version__}
    print(json.dumps(versions), flush=True)
    for line in sys.stdin:
        begun = time.perf_counter()
        found = peers[line.strip()]()
        seconds = time.perf_counter() - begun
        print(json.dumps({"people": found, "seconds": seconds}), flush=True)


if __name__ == "__main__":
    main()
