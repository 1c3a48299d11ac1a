"""Fits an unpenalised logistic regression, for the tests of the module Simulation.

    logit_peer.py FILE

FILE is CSV without a header: the outcome, then the covariates. Prints a JSON list of [estimate,
standard error], the intercept first.
"""

import json
import sys

import numpy
import statsmodels.api

table = numpy.loadtxt(sys.argv[1], delimiter=",", ndmin=2)
design = numpy.column_stack([numpy.ones(len(table)), table[:, 1:]])
fitted = statsmodels.api.Logit(table[:, 0], design).fit(disp=0, method="newton", maxiter=100)
if not fitted.mle_retvals["converged"]:
    sys.exit("the fit did not converge")
print(json.dumps([list(pair) for pair in zip(fitted.params, fitted.bse)]))
