"""Forecasts the daily series of a file by MSTL with AutoETS and by Prophet, each on two processes.

    bench_forecast.py FILE HORIZON

FILE has the columns unique_id, ds and y. Both are given the seasons of a week and a year and are asked
for intervals of 80 and 95 % (Prophet gives one: 80 %). What is compiled once is compiled before the clock
starts. Prints one JSON object: for each peer the seconds and the forecasts by series.
"""

import json
import logging
import multiprocessing
import sys
import time
import warnings

import pandas

warnings.filterwarnings("ignore")
logging.disable(logging.WARNING)

path, horizon = sys.argv[1], int(sys.argv[2])


def prophet(series):
    from prophet import Prophet

    model = Prophet(weekly_seasonality=True, yearly_seasonality=True, daily_seasonality=False)
    model.fit(series[["ds", "y"]])
    future = model.make_future_dataframe(periods=horizon, include_history=False)
    return series.unique_id.iloc[0], model.predict(future).yhat.tolist()


def mstl(frame):
    from statsforecast import StatsForecast
    from statsforecast.models import AutoETS, MSTL

    model = MSTL(season_length=[7, 365], trend_forecaster=AutoETS(model="ZZN"), alias="mstl")
    found = StatsForecast(models=[model], freq="D", n_jobs=1).forecast(
        df=frame, h=horizon, level=[80, 95]
    )
    return {name: part["mstl"].tolist() for name, part in found.groupby("unique_id")}


if __name__ == "__main__":
    frame = pandas.read_csv(path, parse_dates=["ds"], dtype={"unique_id": str})
    parts = [part for _, part in frame.groupby("unique_id")]
    result = {}
    with multiprocessing.Pool(2) as pool:
        # Each process compiles and loads what it needs with a series of its own.
        pool.map(mstl, [parts[0].head(400), parts[-1].head(400)], chunksize=1)
        start = time.perf_counter()
        forecasts = {}
        for found in pool.imap_unordered(mstl, parts, chunksize=1):
            forecasts.update(found)
        result["mstl"] = {"seconds": time.perf_counter() - start, "forecasts": forecasts}
        pool.map(prophet, [parts[0].head(100), parts[-1].head(100)], chunksize=1)
        start = time.perf_counter()
        forecasts = dict(pool.imap_unordered(prophet, parts, chunksize=1))
        result["prophet"] = {"seconds": time.perf_counter() - start, "forecasts": forecasts}
    print(json.dumps(result))
