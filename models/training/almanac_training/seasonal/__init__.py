"""The statistical baseline `seasonal`, written as one ONNX graph.

Read the modules in the order of the computation: `history` (scale, align, take
logarithms), `season` (seasonal indices), `smoothing` (levels and slopes at every
step of the past), `experts` (the simple forecasters made of them), `blend`
(weights from past errors), `bands` (quantiles from what the blend got wrong) and
`graph`, which puts them together.

Shapes in comments use B rows, V variants (as is, logarithm), T steps of context,
N steps of the window that errors are measured in, E experts, L lead times, H
steps of horizon.
"""
