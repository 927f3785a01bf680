"""The statistical baseline `seasonal`, written as one ONNX graph.

Read the modules in the order of the computation: `history` (scale, align, take logarithms),
`season` (seasonal indices), `smoothing` (levels and slopes at every step of the past), `experts`
(simple forecasters built from these), `blend` (weights from past errors), `bands` (quantiles from
the residuals of the blend) and `graph`, which assembles them.

Shapes in comments use B rows, V variants (raw, logarithmic), T steps of context, N steps of the
window in which errors are measured, E experts, L lead times, H steps of horizon, Q levels.
"""
