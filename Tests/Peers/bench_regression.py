"""Fits the logistic regression of the benchmarks with glum and scikit-learn.

    bench_regression.py FILE ROWS COLUMNS PENALTY TOLERANCE

FILE holds doubles column by column: the outcome, then the covariates. The penalty is that of
½ λ Σβ² against the summed log-likelihood, the intercept free. Prints one JSON object from the peer
to its seconds, of the fit alone, and its coefficients with the intercept first. Beside them,
untimed, stands the maximum itself, which all fits are held to: Newton's method with gradients in
extended precision until no step changes a coefficient any more.
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


def maximum(start):
    """The coefficients at the maximum, and the last step by size relative to them."""
    coefficients = numpy.array(start, dtype=numpy.longdouble)
    last = numpy.inf
    for _ in range(20):
        gradient = numpy.zeros(columns + 1, dtype=numpy.longdouble)
        information = numpy.zeros((columns + 1, columns + 1))
        for first in range(0, rows, 20_000):
            block = slice(first, first + 20_000)
            part = numpy.column_stack([numpy.ones(len(outcome[block])), design[block]])
            exact = part.astype(numpy.longdouble)
            mean = 1 / (1 + numpy.exp(-(exact @ coefficients)))
            gradient += exact.T @ (outcome[block] - mean)
            weight = (mean * (1 - mean)).astype(float)
            information += part.T @ (part * weight[:, None])
        gradient[1:] -= penalty * coefficients[1:]
        information[range(1, columns + 1), range(1, columns + 1)] += penalty
        step = numpy.linalg.solve(information, gradient.astype(float))
        coefficients += step
        size = float(numpy.max(numpy.abs(step) / numpy.maximum(numpy.abs(coefficients), 1e-3)))
        if size < 1e-15 or size >= last:
            return {"coefficients": [float(value) for value in coefficients], "lastStep": size}
        last = size
    sys.exit("Newton's method did not settle")


glum_fit = fitted(
    glum.GeneralizedLinearRegressor(
        family="binomial", alpha=penalty / rows, l1_ratio=0, gradient_tol=tolerance, max_iter=100
    )
)
newton_cholesky = fitted(
    sklearn.linear_model.LogisticRegression(
        C=1 / penalty, solver="newton-cholesky", tol=tolerance, max_iter=100
    )
)
print(
    json.dumps(
        {
            "glum": glum_fit,
            "newtonCholesky": newton_cholesky,
            "maximum": maximum(glum_fit["coefficients"]),
        }
    )
)
