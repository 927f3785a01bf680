"""The recurrence of TiRex as one operator, which ONNX writes as a Scan.

Left to the exporter, it is unrolled: 64 patches times the blocks, tens of thousands of nodes.
"""

from __future__ import annotations

import torch
from onnxscript import graph, script
from onnxscript import opset18 as op
from tirex.models.slstm.cell import sLSTMCell, sLSTMCellTorch


@torch.library.custom_op("almanac::slstm", mutates_args=())
def slstm(gates: torch.Tensor, kernel: torch.Tensor, bias: torch.Tensor) -> torch.Tensor:
    """Hidden states [step, row, width] for `gates` [step, row, 4 * width].

    `kernel` is [width, 4 * width]: that of all heads in one matrix, zero between heads.
    """
    state = torch.zeros(4, gates.shape[1], kernel.shape[0])
    output, _ = sLSTMCellTorch.slstm_forward(gates, state, kernel[None], bias)
    return output


@slstm.register_fake
def _(gates: torch.Tensor, kernel: torch.Tensor, bias: torch.Tensor) -> torch.Tensor:
    return gates.new_empty(gates.shape[0], gates.shape[1], kernel.shape[0])


@script(default_opset=op)
def slstm_scan(gates, kernel, bias):
    """`sLSTMCellTorch.slstm_forward`, whose comments name the equations of the paper."""

    @graph()
    def step(hidden, cell, normaliser, stabiliser, gate):
        raw = op.Add(op.Add(gate, op.MatMul(hidden, kernel)), bias)
        i_raw, f_raw, z_raw, o_raw = op.Split(raw, axis=-1, num_outputs=4)
        log_forget = op.Neg(op.Softplus(op.Neg(op.Min(f_raw, 15.0))))
        carried = op.Add(stabiliser, log_forget)
        first = op.Equal(normaliser, 0.0)
        new_stabiliser = op.Where(first, i_raw, op.Max(i_raw, carried))
        i_gate = op.Min(op.Exp(op.Sub(i_raw, new_stabiliser)), 1.0)
        f_gate = op.Min(op.Exp(op.Sub(carried, new_stabiliser)), 1.0)
        new_cell = op.Add(op.Mul(f_gate, cell), op.Mul(i_gate, op.Tanh(z_raw)))
        new_normaliser = op.Add(op.Mul(f_gate, normaliser), i_gate)
        new_hidden = op.Div(op.Mul(op.Sigmoid(o_raw), new_cell), new_normaliser)
        output = op.Identity(new_hidden)
        return new_hidden, new_cell, new_normaliser, new_stabiliser, output

    first_step = op.Gather(gates, 0, axis=0)
    quarter, _second, _third, _fourth = op.Split(first_step, axis=-1, num_outputs=4)
    zero = op.Mul(quarter, 0.0)
    _hidden, _cell, _normaliser, _stabiliser, outputs = op.Scan(
        zero, zero, zero, zero, gates, body=step, num_scan_inputs=1
    )
    return outputs


TRANSLATIONS = {torch.ops.almanac.slstm.default: slstm_scan}


def as_one_operator(cell: sLSTMCell) -> None:
    """Makes `cell` compute by the operator, in float32."""
    heads, gates, width = cell.config.num_heads, cell.config.num_gates, cell.config.head_dim
    kernel = torch.zeros(heads, width, gates, heads, width)
    for head in range(heads):
        own = cell._recurrent_kernel_[head].detach()
        kernel[head, :, :, head] = own.reshape(width, gates, width)
    kernel = kernel.reshape(heads * width, gates * heads * width)
    bias = cell._bias_.detach().reshape(heads, gates, width).permute(1, 0, 2).reshape(-1)

    def run(inputs: torch.Tensor, state: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        return torch.ops.almanac.slstm(inputs.flatten(2), kernel, bias), state

    cell._impl_torch = run
