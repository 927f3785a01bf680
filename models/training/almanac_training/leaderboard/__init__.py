"""Scores of the bundles beside those of other forecasters, on public and held-out series.

`tasks` says what is forecast, `forecasters` and `classical` by whom, `run` and `cache`
when, `scores` how well and `show` how that is told.
"""
