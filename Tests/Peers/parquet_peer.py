"""Reads and writes Parquet files with other engines, for the tests of the module Parquet.

    parquet_peer.py read FILE         what pyarrow, DuckDB and Polars find in FILE
    parquet_peer.py write DIRECTORY   files of these engines, and what each holds
    parquet_peer.py describe FILE     how pyarrow and DuckDB find FILE's columns stored

The first two print one JSON object from an engine's (or a file's) name to
{"schema": [[name, type], ...], "columns": [[value, ...], ...]}, the last one a list with an object for
each column of each row group. A value is null or text: numbers in
decimal, decimals in units of their scale, floating-point numbers as the hexadecimal digits of their
bits, text and bytes as hexadecimal digits, dates as days and timestamps as microseconds since 1970.
"""

import datetime
import decimal
import json
import pathlib
import random
import struct
import sys
import uuid

import duckdb
import polars
import pyarrow
import pyarrow.parquet

EPOCH = datetime.datetime(1970, 1, 1, tzinfo=datetime.timezone.utc)


def units(value, scale):
    sign, digits, exponent = value.as_tuple()
    number = int("".join(map(str, digits))) * 10 ** (scale + exponent)
    return str(-number if sign else number)


def microseconds(value):
    if value.tzinfo is None:
        value = value.replace(tzinfo=datetime.timezone.utc)
    return str((value - EPOCH) // datetime.timedelta(microseconds=1))


def text(value, kind):
    """The canonical text of a Python value of a canonical type."""
    if value is None:
        return None
    if kind == "bool":
        return "true" if value else "false"
    if kind == "float32":
        return struct.pack(">f", value).hex()
    if kind == "float64":
        return struct.pack(">d", value).hex()
    if kind.startswith("decimal"):
        return units(decimal.Decimal(value), int(kind[:-1].split(",")[1]))
    if kind in ("text", "json"):
        return value.encode().hex()
    if kind == "bytes":
        return bytes(value).hex()
    if kind == "uuid":
        return str(value if isinstance(value, (uuid.UUID, str)) else uuid.UUID(bytes=value))
    if kind == "uuidList":
        return ",".join(text(element, "uuid") for element in value)
    if kind == "date":
        return str((value - EPOCH.date()).days)
    if kind == "timestamp":
        return value if isinstance(value, str) else microseconds(value)
    return str(value)


def arrow_kind(field):
    kind = field.type
    names = {
        "bool": "bool", "int16": "int16", "int32": "int32", "int64": "int64", "float": "float32",
        "double": "float64", "string": "text", "large_string": "text", "binary": "bytes",
        "fixed_size_binary[16]": "uuid", "date32[day]": "date", "timestamp[us, tz=UTC]": "timestamp",
        "extension<arrow.uuid>": "uuid", "extension<arrow.json>": "json",
    }
    if pyarrow.types.is_decimal(kind):
        return f"decimal({kind.precision},{kind.scale})"
    if pyarrow.types.is_list(kind) and str(kind.value_type) == "extension<arrow.uuid>":
        return "uuidList"
    return names.get(str(kind), str(kind))


def arrow_values(column, kind):
    storage = column.combine_chunks()
    if isinstance(storage.type, pyarrow.BaseExtensionType):
        storage = storage.storage
    if kind == "timestamp":
        return [None if v is None else str(v) for v in storage.cast(pyarrow.int64()).to_pylist()]
    return [text(v, kind) for v in storage.to_pylist()]


def read_pyarrow(path):
    table = pyarrow.parquet.read_table(path, page_checksum_verification=True)
    schema = [[field.name, arrow_kind(field)] for field in table.schema]
    return {
        "schema": schema,
        "columns": [arrow_values(table[name], kind) for name, kind in schema],
    }


def read_duckdb(path):
    names = {
        "BOOLEAN": "bool", "SMALLINT": "int16", "INTEGER": "int32", "BIGINT": "int64",
        "FLOAT": "float32", "DOUBLE": "float64", "VARCHAR": "text", "JSON": "json", "BLOB": "bytes",
        "UUID": "uuid", "UUID[]": "uuidList", "DATE": "date", "TIMESTAMP WITH TIME ZONE": "timestamp",
    }
    connection = duckdb.connect()
    source = f"read_parquet('{path}')"
    schema = []
    parts = []
    for name, kind, *_ in connection.execute(f"DESCRIBE SELECT * FROM {source}").fetchall():
        kind = names.get(kind, kind.lower())
        schema.append([name, kind])
        quoted = f'"{name}"'
        if kind == "timestamp":
            parts.append(f"epoch_us({quoted})::VARCHAR")
        elif kind.startswith("decimal") or kind in ("uuid", "json"):
            parts.append(f"{quoted}::VARCHAR")
        else:
            parts.append(quoted)
    rows = connection.execute(f"SELECT {', '.join(parts)} FROM {source}").fetchall()
    check_bounds(connection, source, [name for name, _ in schema])
    return {
        "schema": schema,
        "columns": [[text(row[i], kind) for row in rows] for i, (_, kind) in enumerate(schema)],
    }


def check_bounds(connection, source, names):
    """Fails if row groups are left out, for their bounds, that hold rows asked for."""
    connection.execute(f"CREATE TABLE copied AS SELECT * FROM {source}")
    for name in names:
        for bound in ("min", "max"):
            counts = [
                connection.execute(
                    f'SELECT count(*) FROM {rows} WHERE "{name}" = '
                    f'(SELECT {bound}("{name}") FROM copied)').fetchone()[0]
                for rows in (source, "copied")
            ]
            if counts[0] != counts[1]:
                sys.exit(f"{bound} of {name}: {counts[0]} rows in the file, {counts[1]} in memory")


def read_polars(path):
    names = {
        "Boolean": "bool", "Int16": "int16", "Int32": "int32", "Int64": "int64",
        "Float32": "float32", "Float64": "float64", "String": "text", "Binary": "bytes",
        "Date": "date", "List(Binary)": "uuidList",
    }
    frame = polars.read_parquet(path)
    schema = []
    columns = []
    for name, kind in frame.schema.items():
        series = frame[name]
        if isinstance(kind, polars.Decimal):
            label = f"decimal({kind.precision},{kind.scale})"
        elif isinstance(kind, polars.Datetime):
            label = "timestamp" if kind.time_unit == "us" and kind.time_zone == "UTC" else str(kind)
        else:
            label = names.get(str(kind), str(kind))
        schema.append([name, label])
        if label == "timestamp":
            values = [None if v is None else str(v) for v in series.to_physical().to_list()]
        else:
            values = [text(v, label) for v in series.to_list()]
        columns.append(values)
    return {"schema": schema, "columns": columns}


def sample(rows, null_share, seed):
    """Columns of every type as (name, type, Arrow type, values)."""
    draw = random.Random(seed)
    words = ["", "a", "page_view", "日本", "quote\"comma,", "line\nbreak"]
    makers = [
        ("bool", "bool", pyarrow.bool_(), lambda: draw.random() < 0.5),
        ("int16", "int16", pyarrow.int16(), lambda: draw.randrange(-(2**15), 2**15)),
        ("int32", "int32", pyarrow.int32(), lambda: draw.randrange(-(2**31), 2**31)),
        ("int64", "int64", pyarrow.int64(), lambda: draw.randrange(-(2**63), 2**63)),
        ("small", "int64", pyarrow.int64(), lambda: draw.randrange(5)),
        ("float32", "float32", pyarrow.float32(),
         lambda: struct.unpack("f", struct.pack("f", draw.gauss(0, 1e3)))[0]),
        ("float64", "float64", pyarrow.float64(), lambda: draw.gauss(0, 1e9)),
        ("money", "decimal(18,4)", pyarrow.decimal128(18, 4),
         lambda: decimal.Decimal(draw.randrange(-(10**12), 10**12)).scaleb(-4)),
        ("wide", "decimal(38,10)", pyarrow.decimal128(38, 10),
         lambda: decimal.Decimal(draw.randrange(-(10**27), 10**27)).scaleb(-10)),
        ("text", "text", pyarrow.string(), lambda: draw.choice(words) * draw.randrange(4)),
        ("bytes", "bytes", pyarrow.binary(), lambda: draw.randbytes(draw.randrange(6))),
        ("uuid", "uuid", pyarrow.uuid(), lambda: draw.randbytes(16)),
        ("uuids", "uuidList", pyarrow.list_(pyarrow.uuid()),
         lambda: [draw.randbytes(16) for _ in range(draw.randrange(4))]),
        ("date", "date", pyarrow.date32(),
         lambda: datetime.date.fromordinal(draw.randrange(1, 3_000_000))),
        ("timestamp", "timestamp", pyarrow.timestamp("us", tz="UTC"),
         lambda: EPOCH + datetime.timedelta(microseconds=draw.randrange(-(10**15), 10**16))),
    ]
    columns = []
    for name, kind, arrow, make in makers:
        values = [None if draw.random() < null_share else make() for _ in range(rows)]
        columns.append((name, kind, arrow, values))
    return columns


def described(columns):
    return {
        "schema": [[name, kind] for name, kind, _, _ in columns],
        "columns": [[text(v, kind) for v in values] for _, kind, _, values in columns],
    }


def lists_of(values):
    """Lists of identifiers, which pyarrow does not make of Python values by itself."""
    offsets = [0]
    elements = []
    for value in values:
        elements += value or []
        offsets.append(len(elements))
    return pyarrow.ListArray.from_arrays(
        pyarrow.array(offsets, pyarrow.int32()),
        pyarrow.ExtensionArray.from_storage(
            pyarrow.uuid(), pyarrow.array(elements, pyarrow.binary(16))),
        mask=pyarrow.array([value is None for value in values], pyarrow.bool_()))


def table_of(columns):
    context = decimal.getcontext()
    context.prec = 60
    return pyarrow.table(
        [
            lists_of(values) if kind == "uuidList" else pyarrow.array(values, arrow)
            for _, kind, arrow, values in columns
        ],
        schema=pyarrow.schema([
            pyarrow.field(name, arrow, nullable=any(v is None for v in values) or not values)
            for name, _, arrow, values in columns
        ]),
    )


def write(directory):
    directory = pathlib.Path(directory)
    found = {}
    deltas = {
        "int16": "DELTA_BINARY_PACKED", "int32": "DELTA_BINARY_PACKED",
        "int64": "DELTA_BINARY_PACKED", "small": "DELTA_BINARY_PACKED",
        "timestamp": "DELTA_BINARY_PACKED", "date": "DELTA_BINARY_PACKED",
        "text": "DELTA_BYTE_ARRAY", "bytes": "DELTA_LENGTH_BYTE_ARRAY", "bool": "RLE",
        "float32": "BYTE_STREAM_SPLIT", "float64": "BYTE_STREAM_SPLIT",
    }
    variants = {}
    for codec in ("zstd", "snappy", "none"):
        for page in ("1.0", "2.0"):
            for coded in (True, False):
                for share in (0, 0.3):
                    variants[f"arrow-{codec}-{page}-{coded}-{share}"] = (
                        share, dict(compression=codec, data_page_version=page, use_dictionary=coded))
    for page in ("1.0", "2.0"):
        variants[f"arrow-delta-{page}"] = (
            0.1, dict(compression="zstd", data_page_version=page, use_dictionary=False,
                      column_encoding=deltas))
    variants["arrow-decimals-in-integers"] = (
        0.1, dict(compression="zstd", store_decimal_as_integer=True))
    variants["arrow-null"] = (1, dict(compression="zstd"))
    variants["arrow-fallback"] = (
        0.1, dict(compression="zstd", dictionary_pagesize_limit=2000))
    for seed, (name, (share, options)) in enumerate(variants.items()):
        columns = sample(0 if seed == 3 else 700, share, seed)
        pyarrow.parquet.write_table(
            table_of(columns), directory / f"{name}.parquet", row_group_size=300,
            data_page_size=1000, write_batch_size=50, write_page_checksum=True, **options)
        found[name] = described(columns)
    columns = sample(5000, 0.2, 99)
    table = table_of(columns)
    connection = duckdb.connect()
    connection.register("source", table)
    for codec in ("zstd", "snappy", "uncompressed"):
        for version in ("v1", "v2"):
            name = f"duckdb-{codec}-{version}"
            connection.execute(
                f"COPY source TO '{directory}/{name}.parquet' (FORMAT parquet, CODEC {codec}, "
                f"ROW_GROUP_SIZE 2048, PARQUET_VERSION {version})")
            found[name] = described(columns)
    plain = [column for column in columns if column[0] not in ("uuid", "uuids")]
    frame = polars.from_arrow(table_of(plain))
    for codec in ("zstd", "snappy", "uncompressed"):
        name = f"polars-{codec}"
        frame.write_parquet(
            directory / f"{name}.parquet", compression=codec, row_group_size=2000,
            data_page_size=4000)
        found[name] = described(plain)
    write_unsupported(directory)
    return found


def write_unsupported(directory):
    numbers = pyarrow.table({"number": pyarrow.array(range(100), pyarrow.int64())})
    for codec in ("gzip", "brotli", "lz4"):
        pyarrow.parquet.write_table(numbers, directory / f"{codec}.parquet", compression=codec)
    nested = pyarrow.table({
        "number": pyarrow.array([1, 2], pyarrow.int64()),
        "list": pyarrow.array([[1], [2, 3]], pyarrow.list_(pyarrow.int64())),
    })
    pyarrow.parquet.write_table(nested, directory / "nested.parquet", compression="zstd")
    holes = pyarrow.table({"uuids": lists_of([[bytes(16), None]])})
    pyarrow.parquet.write_table(holes, directory / "holes.parquet")
    split = pyarrow.table({"text": pyarrow.array([b"abcd"], pyarrow.binary(4))})
    pyarrow.parquet.write_table(
        split, directory / "split.parquet", use_dictionary=False,
        column_encoding={"text": "BYTE_STREAM_SPLIT"})
    times = pyarrow.table({"time": pyarrow.array([0], pyarrow.timestamp("us"))})
    pyarrow.parquet.write_table(
        times, directory / "int96.parquet", compression="zstd", use_deprecated_int96_timestamps=True)


def bound(statistics, name, kind):
    """A bound of a column in the canonical text of its type."""
    if statistics is None or not statistics.has_min_max:
        return None
    value = getattr(statistics, name)
    if kind in ("text", "json") and isinstance(value, bytes):
        value = value.decode()
    return text(value, kind)


def describe(path):
    file = pyarrow.parquet.ParquetFile(path)
    kinds = [arrow_kind(field) for field in file.schema_arrow]
    ducks = duckdb.connect().execute(
        "SELECT row_group_id, column_id, stats_null_count, path_in_schema, encodings, compression, "
        "stats_min_value IS NOT NULL FROM parquet_metadata(?) ORDER BY 1, 2", [path]).fetchall()
    found = []
    for group in range(file.metadata.num_row_groups):
        for index, kind in enumerate(kinds):
            column = file.metadata.row_group(group).column(index)
            statistics = column.statistics
            duck = ducks[len(found)]
            if duck[5].lower() != column.compression.lower():
                sys.exit(f"{column.path_in_schema}: {duck[5]} and {column.compression}")
            if duck[6] != (statistics is not None and statistics.has_min_max):
                sys.exit(f"{column.path_in_schema}: bounds for one engine only")
            found.append({
                "name": file.schema_arrow[index].name, "type": kind,
                "physical": column.physical_type,
                "logical": str(file.schema.column(index).logical_type),
                "compression": column.compression, "encodings": sorted(column.encodings),
                "least": bound(statistics, "min", kind), "greatest": bound(statistics, "max", kind),
                "nulls": statistics.null_count if statistics else None,
            })
    return found


def main():
    command, path = sys.argv[1:]
    if command == "read":
        result = {
            "pyarrow": read_pyarrow(path), "duckdb": read_duckdb(path), "polars": read_polars(path),
        }
    elif command == "describe":
        result = describe(path)
    else:
        result = write(path)
    json.dump(result, sys.stdout)


main()
