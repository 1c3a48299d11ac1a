"""Reads a data directory with pyarrow, DuckDB and Polars, by its manifest.

    snapshot_peer.py DIRECTORY DATASET COLUMN

Prints for each reader one line: the rows, the exact sum of COLUMN, the first and the last day, and
whether every row lies on the day of its partition.
"""

import datetime
import decimal
import json
import sys

import duckdb
import polars
import pyarrow.compute
import pyarrow.parquet

directory, dataset, column = sys.argv[1:]
with open(f"{directory}/manifest.json") as file:
    parts = json.load(file)["datasets"][dataset]["parts"]
paths = [f"{directory}/{part['path']}" for part in parts]
days = [part["date"] for part in parts]
time = {"events": "timestamp", "payment_attempts": "attempted_at"}[dataset]


def report(reader, rows, total, in_place):
    print(reader, rows, total, min(days), max(days), "in place" if in_place else "misplaced")


rows = 0
total = decimal.Decimal(0)
in_place = True
for part, path in zip(parts, paths):
    # One file alone, so that the folder's name is not taken for a column.
    table = pyarrow.parquet.ParquetFile(path, page_checksum_verification=True).read()
    rows += table.num_rows
    total += pyarrow.compute.sum(table[column]).as_py() or 0
    start = datetime.datetime.fromisoformat(part["date"]).replace(tzinfo=datetime.timezone.utc)
    bounds = pyarrow.compute.min_max(table[time]).as_py()
    in_place &= start <= bounds["min"] and bounds["max"] < start + datetime.timedelta(days=1)
    in_place &= table.num_rows == part["rows"]
report("pyarrow", rows, total, in_place)

connection = duckdb.connect()
connection.execute("SET TimeZone = 'UTC'")
rows, total, in_place = connection.execute(
    f"""
    SELECT count(*), sum("{column}")::VARCHAR,
      bool_and(strftime("{time}", '%Y-%m-%d') = regexp_extract(filename, 'date=([0-9-]+)', 1))
    FROM read_parquet(?, filename = true, hive_partitioning = false)
    """, [paths]).fetchone()
report("duckdb", rows, total, in_place)

frames = [polars.read_parquet(path).with_columns(day=polars.lit(day)) for path, day in zip(paths, days)]
frame = polars.concat([part.select(column, time, "day") for part in frames])
report(
    "polars", frame.height, frame[column].sum(),
    bool((frame[time].dt.strftime("%Y-%m-%d") == frame["day"]).all()))
