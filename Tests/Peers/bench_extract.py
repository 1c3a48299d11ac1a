"""Reads events from PostgreSQL to Arrow tables with other clients, for the benchmarks.

    bench_extract.py URL QUERY HALF HALF

Prints one JSON object: the seconds of ADBC for QUERY over one connection and of ConnectorX for both
halves over two, connecting included, and the number of rows that each of them read.
"""

import json
import sys
import time

import adbc_driver_postgresql.dbapi
import connectorx


def adbc(url, query):
    with adbc_driver_postgresql.dbapi.connect(url) as connection:
        with connection.cursor() as cursor:
            cursor.execute(query)
            return cursor.fetch_arrow_table()


def timed(read, *arguments):
    start = time.perf_counter()
    table = read(*arguments)
    return time.perf_counter() - start, table.num_rows


def main():
    url, query, *halves = sys.argv[1:]
    # A first query of one row, so that no client pays for what it sets up once in a process.
    one = query + " LIMIT 1"
    adbc(url, one)
    connectorx.read_sql(url, one, return_type="arrow")
    adbc_seconds, adbc_rows = timed(adbc, url, query)
    connectorx_seconds, connectorx_rows = timed(
        lambda: connectorx.read_sql(url, halves, return_type="arrow")
    )
    print(
        json.dumps(
            {
                "adbc": adbc_seconds,
                "connectorX": connectorx_seconds,
                "rows": [adbc_rows, connectorx_rows],
            }
        )
    )


if __name__ == "__main__":
    main()
