"""Compares data directories with what their sources hold, independently of Almanac.

Each line of standard input asks for one comparison, as JSON:

    data      the data directory
    dataset   a dataset of its manifest
    key       the columns that identify a row
    columns   the columns that make up a line
    expected  a file of expected lines, each the values of the columns joined by "|"
    view      rows: everything held; first: of each key the row recorded first;
              latest: of each key the version seen last, without those deleted since
    asof      the cut, ISO 8601, whose state the view "latest" shows; the last one without it
    time      the column of the day, if the rows lie in partitions
    recorded  the column of the second clock, for the view "first"
    repeats   whether the source itself repeats keys within a transaction
    relation  equal; holds: the directory may hold more; within: it may hold less
    stray     whether files that the manifest does not list are tolerated

Each answer is one line of JSON: the verdict ("equal", or what is wrong), the number of lines held,
the number of rows of an unfinished load, and the cut of the dataset. A value is written as PostgreSQL's text of it: null as
"-", a time as microseconds since 1970, a number with the decimals of its type.
"""

import collections
import datetime
import hashlib
import json
import os
import sys

import pyarrow
import pyarrow.parquet

OWN = {"manifest.json", "directory-id", ".lock"}
DAY = 86_400_000_000


class Wrong(Exception):
    pass


def texts(column):
    """The values of a column as texts."""
    kind = column.type
    if pyarrow.types.is_timestamp(kind):
        column = column.cast(pyarrow.timestamp("us", "UTC")).cast(pyarrow.int64())
    if pyarrow.types.is_decimal(kind):
        return ["-" if value is None else format(value, "f") for value in column.to_pylist()]
    if pyarrow.types.is_boolean(kind):
        return ["-" if value is None else str(value).lower() for value in column.to_pylist()]
    return ["-" if value is None else str(value) for value in column.to_pylist()]


def read(data, part):
    """A part as a table, once its digest, size and rows are those of the manifest."""
    path = f"{data}/{part['path']}"
    if not os.path.isfile(path):
        raise Wrong(f"{part['path']} is missing")
    with open(path, "rb") as file:
        content = file.read()
    if len(content) != part["bytes"] or hashlib.sha256(content).hexdigest() != part["sha256"]:
        raise Wrong(f"{part['path']} is not the file that the manifest lists")
    table = pyarrow.parquet.ParquetFile(
        pyarrow.BufferReader(content), page_checksum_verification=True).read()
    if table.num_rows != part["rows"]:
        raise Wrong(f"{part['path']} holds {table.num_rows} rows, listed are {part['rows']}")
    return table


def parts_of(entry):
    """The parts of a dataset, or of the chunks of a load."""
    chunks = entry.get("chunks", [])
    return entry.get("parts", []) + [part for chunk in chunks for part in chunk.get("parts") or []]


def is_kind(part, *kinds):
    return (part.get("kind") or "rows") in kinds


def check_files(data, manifest, tolerates_stray):
    """Every listed file is listed once, and no other file lies in the folder."""
    listed = collections.Counter(
        part["path"]
        for entry in [*manifest["datasets"].values(), *(manifest.get("loads") or {}).values()]
        for part in parts_of(entry))
    twice = [path for path, count in listed.items() if count > 1]
    if twice:
        raise Wrong(f"{twice[0]} is listed twice")
    found = {
        os.path.relpath(os.path.join(folder, name), data)
        for folder, _, names in os.walk(data) for name in names}
    # Beside a listed part may lie its index, which no manifest lists.
    indexes = {
        os.path.join(os.path.dirname(path), "." + os.path.basename(path).split(".")[0] + ".index")
        for path in listed}
    stray = found - OWN - set(listed) - indexes
    if stray and not tolerates_stray:
        raise Wrong(f"{len(stray)} files are not in the manifest, such as {sorted(stray)[0]}")


def rows_of(request, parts):
    """The held rows as tuples: key, line, recorded, seen and the transaction that wrote it."""
    data = request["data"]
    rows = []
    for part in parts:
        table = read(data, part)
        if "time" in request and part.get("date") and table.num_rows:
            start = datetime.datetime.fromisoformat(part["date"]).replace(
                tzinfo=datetime.timezone.utc).timestamp() * 1_000_000
            times = table[request["time"]].cast(pyarrow.int64()).to_pylist()
            if not all(start <= time < start + DAY for time in times):
                raise Wrong(f"{part['path']} holds rows of another day")
        columns = {name: texts(table[name]) for name in table.column_names}
        absent = ["-"] * table.num_rows
        keys = list(zip(*(columns[name] for name in request["key"])))
        lines = map("|".join, zip(*(columns[name] for name in request["columns"])))
        clocks = columns.get(request.get("recorded"), absent)
        seen = columns.get("_seen_at", absent)
        written = columns.get("_source_xid", absent)
        rows += zip(keys, lines, clocks, seen, written)
    return rows


def refuse_repeats(rows):
    """No version of a row, told by its key and the transaction that wrote it, is held twice."""
    counts = collections.Counter((row[0], row[4]) for row in rows if row[4] != "-")
    twice = [version for version, count in counts.items() if count > 1]
    if twice:
        raise Wrong(f"{len(twice)} versions are held more than once, such as {twice[0]}")


def limit_of(request):
    """The last cut that counts, in microseconds since 1970."""
    if not request.get("asof"):
        return float("inf")
    return round(datetime.datetime.fromisoformat(
        request["asof"].replace("Z", "+00:00")).timestamp() * 1_000_000)


def deleted(request, parts):
    """The last cut that missed each key."""
    missed = {}
    for part in parts:
        table = read(request["data"], part)
        keys = zip(*(texts(table[name]) for name in request["key"]))
        for key, seen in zip(keys, texts(table["_seen_at"])):
            if int(seen) <= limit_of(request):
                missed[key] = max(missed.get(key, 0), int(seen))
    return missed


def held_lines(request, dataset):
    parts = dataset["parts"]
    rows = rows_of(request, [part for part in parts if is_kind(part, "rows")])
    if not request.get("repeats"):
        refuse_repeats(rows)
    if request["view"] == "rows":
        return [row[1] for row in rows]
    if request["view"] == "first":
        chosen = {}
        for row in rows:
            if row[0] not in chosen or int(row[2]) < int(chosen[row[0]][2]):
                chosen[row[0]] = row
        return [row[1] for row in chosen.values()]
    missed = deleted(request, [part for part in parts if is_kind(part, "tombstones")])
    latest = {}
    for row in rows:
        order = (int(row[3]), int(row[4]))
        if order[0] > limit_of(request):
            continue
        if row[0] not in latest or order > latest[row[0]][0]:
            latest[row[0]] = (order, row[1])
    return [line for key, (order, line) in latest.items() if missed.get(key, -1) < order[0]]


def compare(request):
    path = f"{request['data']}/manifest.json"
    if not os.path.exists(path) and request["relation"] == "within":
        return "equal", 0, 0, None
    with open(path) as file:
        manifest = json.load(file)
    check_files(request["data"], manifest, request.get("stray", False))
    load = (manifest.get("loads") or {}).get(request["dataset"])
    # The parts of an unfinished load may hold many days each.
    undated = {name: value for name, value in request.items() if name != "time"}
    loaded = rows_of(undated, parts_of(load)) if load else []
    refuse_repeats(loaded)
    dataset = manifest["datasets"].get(request["dataset"], {"parts": []})
    held = held_lines(request, dataset)
    with open(request["expected"]) as file:
        expected = file.read().splitlines()
    missing = collections.Counter(expected) - collections.Counter(held)
    extra = collections.Counter(held) - collections.Counter(expected)
    faults = []
    if missing and request["relation"] != "within":
        faults.append(f"{missing.total()} rows are lost, such as {min(missing)}")
    if extra and request["relation"] != "holds":
        faults.append(f"{extra.total()} rows are too many, such as {min(extra)}")
    if faults:
        faults.append(f"{len(expected)} are expected and {len(held)} held")
    cut = dataset.get("watermark", {}).get("takenAt")
    return "; ".join(faults) or "equal", len(held), len(loaded), cut


def answer(request):
    held, loaded, cut = 0, 0, None
    try:
        verdict, held, loaded, cut = compare(request)
    except Wrong as wrong:
        verdict = str(wrong)
    except Exception as error:  # A malformed manifest or file is a finding, not the end.
        verdict = f"{type(error).__name__}: {error}"
    return {"verdict": verdict, "held": held, "loaded": loaded, "cut": cut}


for line in sys.stdin:
    print(json.dumps(answer(json.loads(line))), flush=True)
