"""Fits LightGBM with early stopping to the panel of the benchmarks of risk.

    bench_risk.py FILE ROWS FEATURES CATEGORIES

FILE holds doubles column by column: the outcome (NaN where it is not known), the month, the month from
which the outcome is known, the first month of the window in which the row is judged (-1 for none), the
place among the judged rows (-1 for none), whether the outcome is known now, then the features, those at
the positions CATEGORIES codes of categories. Each window is judged by a fit to rows known by its first
month, the latest fifth of them (by month) held back to stop early, then refitted on all of them with that
many trees. The model that would serve is fitted to all rows known now in the same way. Prints one JSON
object: the seconds of all fits, those of the windows' alone, those that all threads had a processor for,
and the probabilities of the judged rows in their order.
"""

import json
import sys
import time

import lightgbm
import numpy

path, rows, features, categories = sys.argv[1:]
rows, features = int(rows), int(features)
values = numpy.fromfile(path).reshape((features + 6, rows))
outcome, month, known, window, place, now = values[:6]
design = numpy.ascontiguousarray(values[6:].T)
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


def fit(usable):
    """A model of rows, its seconds, and those of all threads."""
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
    return model, time.perf_counter() - begin, time.process_time() - used


judged = numpy.where(place >= 0)[0]
probabilities = numpy.full(len(judged), numpy.nan)
answered = ~numpy.isnan(outcome)
windows = processor = 0.0
for start in sorted(set(window[judged])):
    model, took, used = fit(numpy.where(answered & (known <= start))[0])
    windows += took
    processor += used
    own = judged[window[judged] == start]
    probabilities[place[own].astype(int)] = model.predict(design[own])
_, took, used = fit(numpy.where(answered & (now == 1))[0])
processor += used
print(
    json.dumps(
        {
            "seconds": windows + took,
            "windows": windows,
            "processor": processor,
            "probabilities": [float(p) for p in probabilities],
        }
    )
)
