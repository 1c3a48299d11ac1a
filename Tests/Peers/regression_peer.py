"""Fits regressions without penalty, for the tests of the module Regression.

    regression_peer.py FAMILY FILE

FAMILY is linear, logistic or poisson. FILE is CSV without a header: the outcome, the group of the
row, then the covariates. Prints JSON: estimates, standard errors and log-likelihood, the intercept
first; for linear also R², F, errors by HC1 and clustered by group, and the variance inflation of each
covariate; for the others twice what the log-likelihood loses without each covariate, and without all.
"""

import json
import sys

import numpy
import statsmodels.api
from statsmodels.genmod.families import Binomial, Poisson
from statsmodels.stats.outliers_influence import variance_inflation_factor

family, path = sys.argv[1:]
table = numpy.loadtxt(path, delimiter=",", ndmin=2)
outcome, groups = table[:, 0], table[:, 1].astype(int)
design = numpy.column_stack([numpy.ones(len(table)), table[:, 2:]])
if family == "linear":
    fitted = statsmodels.api.OLS(outcome, design).fit(method="qr")
else:
    # Newton on scaled columns, then put back: on the raw ones the peer's own steps lose digits.
    scale = numpy.abs(design).max(axis=0)

    def fit(columns):
        distribution = Binomial() if family == "logistic" else Poisson()
        return statsmodels.api.GLM(outcome, (design / scale)[:, columns], family=distribution).fit(
            tol=1e-14, maxiter=100)

    every = list(range(design.shape[1]))
    fitted = fit(every)
divisor = numpy.ones(design.shape[1]) if family == "linear" else scale
answer = {
    "estimates": list(fitted.params / divisor),
    "errors": list(fitted.bse / divisor),
    "logLikelihood": fitted.llf,
}
if family == "linear":
    answer["rSquared"] = fitted.rsquared
    answer["fStatistic"] = fitted.fvalue
    answer["robust"] = list(fitted.get_robustcov_results("HC1").bse)
    answer["clustered"] = list(fitted.get_robustcov_results("cluster", groups=groups).bse)
    answer["inflation"] = [
        variance_inflation_factor(design, column) for column in range(1, design.shape[1])]
else:
    without = [[other for other in every if other != column] for column in every[1:]] + [[0]]
    answer["ratios"] = [2 * (fitted.llf - fit(columns).llf) for columns in without]
print(json.dumps(answer))
