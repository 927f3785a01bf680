"""Scores of bundles and of other forecasters, on public and on held-out series.

`tasks` defines the test sets and `forecasters` and `classical` the methods, `run` and `cache`
compute the forecasts, `scores` evaluates them and `show` reports the results.
"""
