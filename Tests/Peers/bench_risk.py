"""Fits LightGBM with early stopping to the panel of the benchmarks of risk.

    bench_risk.py FILE ROWS FEATURES CATEGORIES

FILE holds doubles column by column: the outcome (NaN where it is not known), the month, the month from
which the outcome is known, the first month of the window in which the row is judged (-1 for none), the
place among the judged rows (-1 for none), then the features, those at the positions CATEGORIES codes of
categories. Each window is judged by a fit to rows known by its first month, the latest fifth of them
(by month) held back to stop early, then refitted on all of them with that many trees. Prints one JSON
object: the seconds of all fits, those that all threads had a processor for, and the probabilities of the
judged rows in their order.
"""

import json
import sys
import time

import lightgbm
import numpy

path, rows, features, categories = sys.argv[1:]
rows, features = int(rows), int(features)
values = numpy.fromfile(path).reshape((features + 5, rows))
outcome, month, known, window, place = values[:5]
design = numpy.ascontiguousarray(values[5:].T)
categories = [int(position) for position in categories.split(",") if position]
settings = {
    "objective": "binary",
    "learning_rate": 0.05,
    "num_leaves": 31,
    "min_data_in_leaf": 50,
    "verbose": -1,
    "seed": 1,
    "deterministic": True,
    "num_threads": 2,
}


def dataset(chosen, reference=None):
    return lightgbm.Dataset(
        design[chosen],
        outcome[chosen],
        categorical_feature=categories,
        reference=reference,
        free_raw_data=False,
    )


judged = numpy.where(place >= 0)[0]
probabilities = numpy.full(len(judged), numpy.nan)
seconds = processor = 0.0
for start in sorted(set(window[judged])):
    usable = numpy.where(~numpy.isnan(outcome) & (known <= start))[0]
    usable = usable[numpy.argsort(month[usable], kind="stable")]
    border = month[usable[int(0.8 * len(usable))]]
    early, late = usable[month[usable] < border], usable[month[usable] >= border]
    if len(early) == 0 or outcome[early].sum() == 0:
        early, late = usable, usable
    begin, used = time.perf_counter(), time.process_time()
    first = dataset(early)
    stopped = lightgbm.train(
        settings,
        first,
        num_boost_round=2000,
        valid_sets=[dataset(late, first)],
        callbacks=[lightgbm.early_stopping(50, verbose=False)],
    )
    model = lightgbm.train(settings, dataset(usable), num_boost_round=stopped.best_iteration)
    seconds += time.perf_counter() - begin
    processor += time.process_time() - used
    now = judged[window[judged] == start]
    probabilities[place[now].astype(int)] = model.predict(design[now])
print(
    json.dumps(
        {
            "seconds": seconds,
            "processor": processor,
            "probabilities": [float(p) for p in probabilities],
        }
    )
)
