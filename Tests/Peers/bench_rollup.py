"""Rolls events of Parquet files up with DuckDB and Polars, for the benchmarks.

    bench_rollup.py FILE...

The events are typed columns in memory before the clock starts: identifiers and names as codes of
32 bits, amounts as whole ten-thousandths, times in microseconds. Prints one JSON object from the
engine and the rollup (hour, day, and shuffled for hours from events in random order) to its seconds
and to what its groups sum up to.
"""

import decimal
import json
import os
import sys
import time

import duckdb
import polars
import pyarrow
import pyarrow.compute
import pyarrow.parquet

CASES = {"hour": "1h", "day": "1d", "shuffled": "1h"}


def codes(column):
    """The values as codes of a dictionary, nulls kept."""
    chunks = [getattr(chunk, "storage", chunk) for chunk in column.chunks]
    values = pyarrow.chunked_array(chunks).combine_chunks()
    return values.dictionary_encode().indices.cast(pyarrow.uint32())


def units(column):
    """Decimals of up to 18 digits as whole ten-thousandths, nulls kept."""
    scale = pyarrow.scalar(decimal.Decimal(10000), pyarrow.decimal128(5, 0))
    values = column.cast(pyarrow.decimal128(18, 4))
    return pyarrow.compute.multiply(values, scale).cast(pyarrow.int64())


def load(files):
    table = pyarrow.concat_tables(pyarrow.parquet.read_table(file) for file in files)
    return pyarrow.table(
        {
            "company": codes(table["company_id"]),
            "kind": codes(table["event_type"]),
            "module": codes(table["module_id"]),
            "customer": codes(table["user_id"]),
            "amount": units(table["amount"]),
            "moment": table["timestamp"].cast(pyarrow.timestamp("us")).combine_chunks(),
        }
    )


def timed(rollup):
    start = time.perf_counter()
    totals = rollup()
    return totals, time.perf_counter() - start


def with_polars(frame, bucket):
    amount = polars.col("amount")
    groups, seconds = timed(
        lambda: frame.lazy()
        .group_by("company", "kind", "module", polars.col("moment").dt.truncate(bucket))
        .agg(
            polars.len().alias("events"),
            polars.col("customer").n_unique().alias("users"),
            amount.sum().alias("amount"),
            amount.min().alias("least"),
            amount.max().alias("most"),
        )
        .collect(engine="streaming")
    )
    sums = groups.select(polars.col("events", "users", "amount").cast(polars.Int64).sum()).row(0)
    return seconds, (groups.height, *sums)


def with_duckdb(connection, table, bucket):
    _, seconds = timed(
        lambda: connection.execute(
            f"""
            CREATE OR REPLACE TEMP TABLE groups AS
            SELECT company, kind, module, date_trunc('{bucket}', moment) AS bucket,
              count(*) AS events, count(DISTINCT customer) AS users, sum(amount) AS amount,
              min(amount) AS least, max(amount) AS most
            FROM {table} GROUP BY ALL
            """
        )
    )
    totals = connection.execute(
        "SELECT count(*), sum(events), sum(users), sum(amount) FROM groups"
    ).fetchone()
    return seconds, totals


def described(result):
    seconds, totals = result
    names = ["groups", "events", "users", "amount"]
    return {"seconds": seconds, "totals": dict(zip(names, map(int, totals)))}


def main():
    events = load(sys.argv[1:])
    frame = polars.from_arrow(events)
    shuffled = frame.sample(fraction=1, shuffle=True, seed=1)
    results = {"Polars": {}, "DuckDB": {}}
    # A first rollup of a few rows, so that no engine pays for what it sets up once in a process.
    with_polars(frame.head(1000), "1h")
    for case, bucket in CASES.items():
        source = shuffled if case == "shuffled" else frame
        results["Polars"][case] = described(with_polars(source, bucket))
    del frame, shuffled
    with duckdb.connect() as connection:
        connection.execute(f"SET threads = {os.cpu_count()}")
        connection.execute("CREATE TABLE events AS FROM events")
        connection.execute("CREATE TABLE few AS FROM events LIMIT 1000")
        with_duckdb(connection, "few", "hour")
        for bucket in ["hour", "day"]:
            results["DuckDB"][bucket] = described(with_duckdb(connection, "events", bucket))
    print(json.dumps(results))


if __name__ == "__main__":
    main()
