"""The recurrence of TiRex as one operator, which ONNX represents as a Scan.

The exporter would unroll it: 64 patches times the blocks, tens of thousands of nodes.
"""

from __future__ import annotations

import re

import onnx
import torch
from tirex.models.slstm.cell import sLSTMCell

DOMAIN = "almanac"


# `sLSTMCellTorch.slstm_forward_pointwise`, whose comments name the equations of the paper.
STEP = """
step (float[N, W] hidden, float[N, W] cell, float[N, W] normaliser, float[N, W] stabiliser,
      float[N, G] gate)
  => (float[N, W] new_hidden, float[N, W] new_cell, float[N, W] new_normaliser,
      float[N, W] new_stabiliser, float[N, W] output)
{
  fifteen = Constant <value = float {15.0}> ()
  zero = Constant <value = float {0.0}> ()
  one = Constant <value = float {1.0}> ()
  recurrent = MatMul (hidden, KERNEL)
  given = Add (gate, BIAS)
  raw = Add (given, recurrent)
  i_raw, f_raw, z_raw, o_raw = Split <axis = -1, num_outputs = 4> (raw)
  f_capped = Min (f_raw, fifteen)
  f_negative = Neg (f_capped)
  f_soft = Softplus (f_negative)
  carried = Sub (stabiliser, f_soft)
  first = Equal (normaliser, zero)
  larger = Max (i_raw, carried)
  new_stabiliser = Where (first, i_raw, larger)
  i_log = Sub (i_raw, new_stabiliser)
  i_open = Exp (i_log)
  i_gate = Min (i_open, one)
  f_log = Sub (carried, new_stabiliser)
  f_open = Exp (f_log)
  f_gate = Min (f_open, one)
  kept = Mul (f_gate, cell)
  z_gate = Tanh (z_raw)
  added = Mul (i_gate, z_gate)
  new_cell = Add (kept, added)
  weight = Mul (f_gate, normaliser)
  new_normaliser = Add (weight, i_gate)
  o_gate = Sigmoid (o_raw)
  opened = Mul (o_gate, new_cell)
  new_hidden = Div (opened, new_normaliser)
  output = Identity (new_hidden)
}
"""


def as_scans(encoded: bytes) -> bytes:
    """Replace each marked operator of the graph by a Scan."""
    model = onnx.load_from_string(encoded)
    nodes: list[onnx.NodeProto] = []
    for node in model.graph.node:
        nodes += _scan(node) if node.domain == DOMAIN else [node]
    del model.graph.node[:]
    model.graph.node.extend(nodes)
    kept = [entry for entry in model.opset_import if entry.domain != DOMAIN]
    del model.opset_import[:]
    model.opset_import.extend(kept)
    onnx.checker.check_model(model)
    return model.SerializeToString(deterministic=True)


def _scan(node: onnx.NodeProto) -> list[onnx.NodeProto]:
    gates, kernel, bias = node.input
    (output,) = node.output
    prefix = f"{output}_scan"
    # Names in the text format of a graph allow fewer characters than names in a graph.
    plain = [re.sub(r"\W", "_", f"{prefix}_{part}") for part in ("kernel", "bias")]
    body = onnx.parser.parse_graph(STEP.replace("KERNEL", plain[0]).replace("BIAS", plain[1]))
    make = onnx.helper.make_node
    quarters = [f"{prefix}_{part}" for part in ("input", "forget", "cell", "output")]
    states = [f"{prefix}_last_{state_idx}" for state_idx in range(4)]
    zero = onnx.helper.make_tensor("zero", onnx.TensorProto.FLOAT, [], [0.0])
    first = onnx.helper.make_tensor("first", onnx.TensorProto.INT64, [], [0])
    return [
        make("Identity", [kernel], [plain[0]]),
        make("Identity", [bias], [plain[1]]),
        make("Constant", [], [f"{prefix}_zero"], value=zero),
        make("Constant", [], [f"{prefix}_first"], value=first),
        make("Gather", [gates, f"{prefix}_first"], [f"{prefix}_step"], axis=0),
        make("Split", [f"{prefix}_step"], quarters, axis=-1, num_outputs=4),
        make("Mul", [quarters[0], f"{prefix}_zero"], [f"{prefix}_start"]),
        make(
            "Scan",
            [*[f"{prefix}_start"] * 4, gates],
            [*states, output],
            body=body,
            num_scan_inputs=1,
        ),
    ]


def as_one_operator(cell: sLSTMCell) -> None:
    """Turn `cell` into one marked operator, a placeholder that `as_scans` replaces.

    Its inputs are the gates [step, row, 4 * width], the kernel [width, 4 * width], which combines
    those of all heads into one matrix with zeros between heads, and the bias.
    """
    heads, gates, width = cell.config.num_heads, cell.config.num_gates, cell.config.head_dim
    kernel = torch.zeros(heads, width, gates, heads, width)
    for head in range(heads):
        head_kernel = cell._recurrent_kernel_[head].detach()
        kernel[head, :, :, head] = head_kernel.reshape(width, gates, width)
    kernel = kernel.reshape(heads * width, gates * heads * width)
    bias = cell._bias_.detach().reshape(heads, gates, width).permute(1, 0, 2).reshape(-1)

    def run(inputs: torch.Tensor, state: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        hidden = torch.onnx.ops.symbolic(
            f"{DOMAIN}::Slstm",
            (inputs.flatten(2), kernel, bias),
            dtype=inputs.dtype,
            shape=(inputs.shape[0], inputs.shape[1], heads * width),
            version=1,
        )
        return hidden, state

    cell._impl_torch = run
