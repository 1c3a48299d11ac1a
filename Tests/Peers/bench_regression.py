"""Fits the logistic regression of the benchmarks with glum and scikit-learn.

    bench_regression.py FILE ROWS COLUMNS PENALTY TOLERANCE

FILE holds doubles column by column: the outcome, then the covariates. The penalty is that of
½ λ Σβ² against the summed log-likelihood, the intercept free. Prints one JSON object from the peer
to its seconds, of the fit alone, and its coefficients with the intercept first.
"""

import json
import sys
import time

import glum
import numpy
import sklearn.linear_model

path, rows, columns, penalty, tolerance = sys.argv[1:]
rows, columns = int(rows), int(columns)
values = numpy.fromfile(path).reshape((columns + 1, rows)).T
outcome = numpy.ascontiguousarray(values[:, 0])
design = numpy.asfortranarray(values[:, 1:])
penalty, tolerance = float(penalty), float(tolerance)


def fitted(model):
    start = time.perf_counter()
    model.fit(design, outcome)
    seconds = time.perf_counter() - start
    intercept = float(numpy.ravel(model.intercept_)[0])
    return {"seconds": seconds, "coefficients": [intercept, *map(float, numpy.ravel(model.coef_))]}


print(
    json.dumps(
        {
            "glum": fitted(
                glum.GeneralizedLinearRegressor(
                    family="binomial", alpha=penalty / rows, l1_ratio=0, gradient_tol=tolerance,
                    max_iter=100,
                )
            ),
            "newtonCholesky": fitted(
                sklearn.linear_model.LogisticRegression(
                    C=1 / penalty, solver="newton-cholesky", tol=tolerance, max_iter=100
                )
            ),
        }
    )
)
