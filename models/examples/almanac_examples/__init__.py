"""Shared code of the exports: series to compare on, and writing of bundles."""
