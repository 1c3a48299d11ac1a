"""Rolls events of PostgreSQL up into a table with ADBC and Polars, for the benchmarks.

    bench_rollup_tables.py URL TABLE

Reads the events, groups them by hour with the streaming engine and writes the groups into TABLE in
the order of its key, with a row of the ledger. Prints the seconds that took.
"""

import json
import sys
import time

import adbc_driver_postgresql.dbapi
import polars

KEY = ["company_id", "event_type", "module_id", "hour"]


def main():
    url, table = sys.argv[1:]
    query = (
        "SELECT event_type, company_id, user_id, module_id,"
        " (amount * 10000)::int8 AS amount, \"timestamp\" AS hour FROM public.events"
    )
    start = time.perf_counter()
    with adbc_driver_postgresql.dbapi.connect(url) as connection:
        with connection.cursor() as cursor:
            cursor.execute(query)
            events = polars.from_arrow(cursor.fetch_arrow_table())
        amount = polars.col("amount")
        groups = (
            events.lazy()
            .group_by(
                "company_id", "event_type",
                polars.col("module_id").fill_null(bytes(16)),
                polars.col("hour").dt.truncate("1h"),
            )
            .agg(
                polars.len().cast(polars.Int64).alias("event_count"),
                polars.col("user_id").n_unique().cast(polars.Int64).alias("unique_users"),
                amount.sum().alias("amount_sum"),
                amount.min().alias("amount_min"),
                amount.max().alias("amount_max"),
                polars.col("amount").count().alias("amounts"),
            )
            .sort(KEY)
            .collect(engine="streaming")
        )
        # ADBC writes whole numbers and bytes; the server makes the table's types of them.
        with connection.cursor() as cursor:
            cursor.adbc_ingest("staged_groups", groups.to_arrow(), mode="create", temporary=True)
            cursor.execute(
                f"INSERT INTO public.{table} SELECT encode(company_id, 'hex')::uuid, event_type,"
                " encode(module_id, 'hex')::uuid, hour, event_count, unique_users,"
                " CASE WHEN amounts > 0 THEN amount_sum / 10000.0 END,"
                " amount_min / 10000.0, amount_max / 10000.0, NULL FROM staged_groups"
            )
            cursor.execute(f"INSERT INTO public.ledger VALUES ('{table}', now())")
        connection.commit()
    print(json.dumps({"seconds": time.perf_counter() - start}))


if __name__ == "__main__":
    main()
