"""Reads Parquet files of events to Arrow tables with other engines, for the benchmarks.

    bench_read_back.py FILE...

Prints one JSON object from the engine to its seconds for all columns of all files on two threads,
and to the totals of each column as pairs of text: the number of values, and of identifiers the
exclusive or of their first halves, of text the number of bytes, of amounts and times the sum in
ten-thousandths and microseconds.
"""

import functools
import json
import operator
import sys
import time

import duckdb
import pyarrow
import pyarrow.compute
import pyarrow.parquet

THREADS = 2


def with_pyarrow(files):
    pyarrow.set_cpu_count(THREADS)
    start = time.perf_counter()
    table = pyarrow.concat_tables(pyarrow.parquet.read_table(file) for file in files)
    return table, time.perf_counter() - start


def with_duckdb(files):
    connection = duckdb.connect()
    connection.execute(f"SET threads = {THREADS}")
    # Identifiers as 16 bytes, not as text of 36.
    connection.execute("SET arrow_lossless_conversion = true")
    connection.execute("SET preserve_insertion_order = false")
    start = time.perf_counter()
    table = connection.sql(f"SELECT * FROM read_parquet({files})").to_arrow_table()
    return table, time.perf_counter() - start


def folded(array):
    """The exclusive or of the first halves of values of 16 bytes, as a signed number."""
    array = pyarrow.compute.fill_null(array, pyarrow.scalar(bytes(16), pyarrow.binary(16)))
    buffer = array.buffers()[1][16 * array.offset:16 * (array.offset + len(array))]
    # As one number, whose upper half is laid over its lower half until one value is left.
    size = 16
    while size < len(buffer):
        size *= 2
    number = int.from_bytes(buffer, "big")
    while size > 16:
        size //= 2
        number = (number >> (8 * size)) ^ (number & ((1 << (8 * size)) - 1))
    return int.from_bytes((number >> 64).to_bytes(8, "big"), "big", signed=True)



def totals(column):
    chunks = [getattr(chunk, "storage", chunk) for chunk in column.chunks]
    kind = chunks[0].type
    values = pyarrow.chunked_array(chunks)
    count = len(values) - values.null_count
    if pyarrow.types.is_fixed_size_binary(kind):
        total = functools.reduce(operator.xor, (folded(chunk) for chunk in chunks), 0)
    elif pyarrow.types.is_decimal(kind):
        total = int(pyarrow.compute.sum(values.cast(pyarrow.decimal128(38, 4))).as_py() * 10000)
    elif pyarrow.types.is_timestamp(kind):
        total = sum(
            pyarrow.compute.sum(chunk.cast(pyarrow.int64()).cast(pyarrow.decimal128(38, 0))).as_py()
            for chunk in chunks)
    else:
        total = pyarrow.compute.sum(pyarrow.compute.binary_length(values)).as_py()
    return [str(count), str(int(total))]


def main():
    files = sys.argv[1:]
    results = {}
    for name, read in (("pyarrow", with_pyarrow), ("duckdb", with_duckdb)):
        table, seconds = read(files)
        results[name] = {
            "seconds": seconds,
            "totals": [totals(table[column]) for column in table.column_names],
        }
        del table
    print(json.dumps(results))


if __name__ == "__main__":
    main()
