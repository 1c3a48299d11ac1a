"""Reads events from PostgreSQL to Arrow tables with other clients, for the benchmarks.

    bench_extract.py URL QUERY HALF HALF

Prints one JSON object: the seconds of ADBC and of ConnectorX for QUERY over one connection and for
both halves over two, connecting included, and the number of rows that each of the four read.
"""

import concurrent.futures
import json
import sys
import time

import adbc_driver_postgresql.dbapi
import connectorx
import pyarrow


def adbc(url, queries):
    def read(query):
        with adbc_driver_postgresql.dbapi.connect(url) as connection:
            with connection.cursor() as cursor:
                cursor.execute(query)
                return cursor.fetch_arrow_table()

    if len(queries) == 1:
        return read(queries[0])
    with concurrent.futures.ThreadPoolExecutor(len(queries)) as pool:
        return pyarrow.concat_tables(pool.map(read, queries))


def with_connectorx(url, queries):
    # One query by itself is read over one connection.
    return connectorx.read_sql(
        url, queries if len(queries) > 1 else queries[0], return_type="arrow")


def timed(read, *arguments):
    start = time.perf_counter()
    table = read(*arguments)
    return time.perf_counter() - start, table.num_rows


def main():
    url, query, *halves = sys.argv[1:]
    # A first query of one row, so that no client pays for what it sets up once in a process.
    one = query + " LIMIT 1"
    adbc(url, [one])
    with_connectorx(url, [one])
    results = {
        name: timed(read, url, queries)
        for name, read, queries in (
            ("adbc", adbc, [query]),
            ("adbcTwice", adbc, halves),
            ("connectorX", with_connectorx, [query]),
            ("connectorXTwice", with_connectorx, halves),
        )
    }
    seconds = {name: seconds for name, (seconds, _) in results.items()}
    print(json.dumps({**seconds, "rows": [rows for _, rows in results.values()]}))


if __name__ == "__main__":
    main()
