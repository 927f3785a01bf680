"""Write an ONNX graph as if it were array code.

A `Tensor` stands for a value that exists only when the graph runs. Arithmetic
on tensors adds nodes to the `Graph` they belong to; Python numbers and numpy
arrays become constants of the other operand's type. Only what the statistical
baseline needs is here, in operator set 13, so that old runtimes load the file.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

OPSET = 13
IR_VERSION = 8

FLOAT = np.dtype(np.float32)
INT = np.dtype(np.int64)
BOOL = np.dtype(np.bool_)

# Larger than any number that a clamp should let through.
FAR = float(np.finfo(np.float32).max)

# As the end of a slice: up to the end of the axis.
END = np.iinfo(np.int64).max

_ELEMENT_TYPES = {FLOAT: TensorProto.FLOAT, INT: TensorProto.INT64, BOOL: TensorProto.BOOL}


class Graph:
    """The nodes, constants, inputs and outputs written so far."""

    def __init__(self, name: str):
        self.name = name
        self.nodes: list[onnx.NodeProto] = []
        self.inputs: list[onnx.ValueInfoProto] = []
        self.outputs: list[onnx.ValueInfoProto] = []
        self.constants: dict[tuple, tuple[str, np.ndarray]] = {}
        self._scope = ""
        self._written: dict[tuple, list[str]] = {}

    @contextmanager
    def scope(self, name: str) -> Iterator[None]:
        """Prefix the names of the nodes written inside, for readers of the file."""
        outer, self._scope = self._scope, f"{self._scope}{name}/"
        yield
        self._scope = outer

    def input(self, name: str, dtype: np.dtype, axes: Sequence[str]) -> Tensor:
        self.inputs.append(helper.make_tensor_value_info(name, _ELEMENT_TYPES[dtype], axes))
        return Tensor(self, name, dtype)

    def output(self, name: str, tensor: Tensor, axes: Sequence[str]) -> None:
        writer = next((node for node in self.nodes if tensor.name in node.output), None)
        if writer is None or tensor.name in [own.name for own in self.outputs]:
            self.result(name, tensor)
        else:
            self._rename(tensor.name, name)
        self.outputs.append(helper.make_tensor_value_info(name, _ELEMENT_TYPES[tensor.dtype], axes))

    def _rename(self, old: str, new: str) -> None:
        for node in self.nodes:
            for names in (node.input, node.output):
                names[:] = [new if name == old else name for name in names]

    def result(self, name: str, tensor: Tensor) -> Tensor:
        """The same under a name of its own."""
        self.nodes.append(helper.make_node("Identity", [tensor.name], [name], name=name))
        return Tensor(self, name, tensor.dtype)

    def constant(self, value, dtype: np.dtype | None = None) -> Tensor:
        array = np.asarray(value, dtype=dtype)
        if array.dtype == np.float64:
            array = array.astype(FLOAT)
        key = (array.dtype.str, array.shape, array.tobytes())
        name, _ = self.constants.setdefault(key, (f"constant_{len(self.constants)}", array))
        return Tensor(self, name, array.dtype)

    def parameter(self, name: str, array: np.ndarray) -> Tensor:
        """A trained constant, which keeps its name in the file."""
        array = np.asarray(array, dtype=FLOAT)
        self.constants[("parameter", name)] = (name, array)
        return Tensor(self, name, FLOAT)

    def node(self, operator: str, *inputs: Tensor, dtype: np.dtype, **attributes) -> Tensor:
        names = self.write(operator, inputs, 2 if operator == "TopK" else 1, **attributes)
        return Tensor(self, names[0], dtype)

    def write(
        self, operator: str, inputs: Sequence[Tensor], results: int, **attributes
    ) -> list[str]:
        """Names of the results of a node: of one written before, where that is the same."""
        names = [tensor.name for tensor in inputs]
        key = (operator, *names, results, repr(sorted(attributes.items())))
        if key not in self._written:
            name = f"{self._scope}{operator}_{len(self.nodes)}"
            outputs = [name, *(f"{name}_{i}" for i in range(1, results))]
            self.nodes.append(helper.make_node(operator, names, outputs, name=name, **attributes))
            self._written[key] = outputs
        return self._written[key]

    @contextmanager
    def subgraph(self, name: str) -> Iterator[list[onnx.NodeProto]]:
        """Collect nodes that see what is written so far, and that nothing outside sees."""
        nodes, written = self.nodes, self._written
        self.nodes, self._written = [], dict(written)
        with self.scope(f"{name}_{len(nodes)}"):
            yield self.nodes
        self.nodes, self._written = nodes, written

    def model(self, metadata: dict[str, str]) -> onnx.ModelProto:
        """The checked model, with nothing in it that changes from run to run."""
        initializers = [
            numpy_helper.from_array(array, name) for name, array in self.constants.values()
        ]
        graph = helper.make_graph(self.nodes, self.name, self.inputs, self.outputs, initializers)
        model = helper.make_model(
            graph,
            opset_imports=[helper.make_opsetid("", OPSET)],
            ir_version=IR_VERSION,
            producer_name="almanac",
        )
        helper.set_model_props(model, metadata)
        onnx.checker.check_model(model, full_check=True)
        return model


class Tensor:
    """A value of the running graph."""

    __array_ufunc__ = None  # Lets `array * tensor` reach `__rmul__` below.

    def __init__(self, graph: Graph, name: str, dtype: np.dtype):
        self.graph = graph
        self.name = name
        self.dtype = dtype

    def _lift(self, other) -> Tensor:
        return other if isinstance(other, Tensor) else self.graph.constant(other, self.dtype)

    def _binary(self, operator: str, other, dtype: np.dtype | None = None, **attributes) -> Tensor:
        return self.graph.node(
            operator, self, self._lift(other), dtype=dtype or self.dtype, **attributes
        )

    def _unary(self, operator: str, dtype: np.dtype | None = None, **attributes) -> Tensor:
        return self.graph.node(operator, self, dtype=dtype or self.dtype, **attributes)

    def __add__(self, other) -> Tensor:
        return self._binary("Add", other)

    def __sub__(self, other) -> Tensor:
        return self._binary("Sub", other)

    def __mul__(self, other) -> Tensor:
        return self._binary("Mul", other)

    def __truediv__(self, other) -> Tensor:
        return self._binary("Div", other)

    def __floordiv__(self, other) -> Tensor:
        """Of whole numbers that are not negative: the graph rounds towards zero."""
        return self._binary("Div", other)

    def __pow__(self, other) -> Tensor:
        return self._binary("Pow", other)

    def __matmul__(self, other) -> Tensor:
        return self._binary("MatMul", other)

    def __radd__(self, other) -> Tensor:
        return self._lift(other) + self

    def __rsub__(self, other) -> Tensor:
        return self._lift(other) - self

    def __rmul__(self, other) -> Tensor:
        return self._lift(other) * self

    def __rtruediv__(self, other) -> Tensor:
        return self._lift(other) / self

    def __rpow__(self, other) -> Tensor:
        return self._lift(other) ** self

    def __neg__(self) -> Tensor:
        return self._unary("Neg")

    def __mod__(self, other) -> Tensor:
        """The remainder with the sign of the divisor, as in Python."""
        return self._binary("Mod", other)

    def __lt__(self, other) -> Tensor:
        return self._binary("Less", other, BOOL)

    def __le__(self, other) -> Tensor:
        return self._binary("LessOrEqual", other, BOOL)

    def __gt__(self, other) -> Tensor:
        return self._binary("Greater", other, BOOL)

    def __ge__(self, other) -> Tensor:
        return self._binary("GreaterOrEqual", other, BOOL)

    def equals(self, other) -> Tensor:
        return self._binary("Equal", other, BOOL)

    def __and__(self, other: Tensor) -> Tensor:
        return self._binary("And", other, BOOL)

    def __or__(self, other: Tensor) -> Tensor:
        return self._binary("Or", other, BOOL)

    def __invert__(self) -> Tensor:
        return self._unary("Not")

    def abs(self) -> Tensor:
        return self._unary("Abs")

    def exp(self) -> Tensor:
        return self._unary("Exp")

    def log(self) -> Tensor:
        return self._unary("Log")

    def sqrt(self) -> Tensor:
        return self._unary("Sqrt")

    def sigmoid(self) -> Tensor:
        return self._unary("Sigmoid")

    def softplus(self) -> Tensor:
        return self._unary("Softplus")

    def isnan(self) -> Tensor:
        return self._unary("IsNaN", BOOL)

    def maximum(self, other) -> Tensor:
        return self._binary("Max", other)

    def minimum(self, other) -> Tensor:
        return self._binary("Min", other)

    def clip(self, low, high) -> Tensor:
        return self.maximum(low).minimum(high)

    def clamp(self, low: float, high: float = FAR) -> Tensor:
        """As `clip`, by numbers and in one node."""
        bounds = [self.graph.constant(value, self.dtype) for value in (low, high)]
        return self.graph.node("Clip", self, *bounds, dtype=self.dtype)

    def cast(self, dtype: np.dtype) -> Tensor:
        return self if dtype == self.dtype else self._unary("Cast", dtype, to=_ELEMENT_TYPES[dtype])

    def sum(self, *axes: int, keepdims: bool = True) -> Tensor:
        axes_tensor = self.graph.constant(axes, INT)
        return self.graph.node("ReduceSum", self, axes_tensor, dtype=self.dtype, keepdims=keepdims)

    def max(self, *axes: int, keepdims: bool = True) -> Tensor:
        return self._unary("ReduceMax", axes=axes, keepdims=keepdims)

    def min(self, *axes: int, keepdims: bool = True) -> Tensor:
        return self._unary("ReduceMin", axes=axes, keepdims=keepdims)

    def mean(self, *axes: int) -> Tensor:
        return self._unary("ReduceMean", axes=axes, keepdims=True)

    def sum_of_sizes(self, *axes: int, keepdims: bool = True) -> Tensor:
        return self._unary("ReduceL1", axes=axes, keepdims=keepdims)

    def sum_of_squares(self, *axes: int, keepdims: bool = True) -> Tensor:
        return self._unary("ReduceSumSquare", axes=axes, keepdims=keepdims)

    def argmin(self, axis: int, last: bool = False) -> Tensor:
        """Where the smallest value stands: the first one of equals, or the last."""
        return self._unary("ArgMin", INT, axis=axis, keepdims=True, select_last_index=int(last))

    def transpose(self, *axes: int) -> Tensor:
        return self._unary("Transpose", perm=axes)

    def cumsum(self, axis: int) -> Tensor:
        return self.graph.node("CumSum", self, self.graph.constant(axis, INT), dtype=self.dtype)

    def softmax(self, axis: int) -> Tensor:
        return self._unary("Softmax", axis=axis)

    def sort(self, axis: int, length: int | None = None) -> Tensor:
        """Ascending order along an axis, whose length may be told where it is known."""
        count = self.size(axis).reshape(1) if length is None else self.graph.constant([length], INT)
        return self.graph.node("TopK", self, count, dtype=self.dtype, axis=axis, largest=0)

    def norm(self, *axes: int) -> Tensor:
        """Square root of the sum of squares."""
        return self._unary("ReduceL2", axes=axes, keepdims=True)

    def linear(self, weight: Tensor, bias: Tensor, factor: float = 1.0) -> Tensor:
        """[rows, in] to [rows, out]; `factor` is that of the values."""
        return self.graph.node("Gemm", self, weight, bias, dtype=self.dtype, alpha=factor)

    def unsqueeze(self, *axes: int) -> Tensor:
        return self.graph.node("Unsqueeze", self, self.graph.constant(axes, INT), dtype=self.dtype)

    def reshape(self, *shape: int | Tensor) -> Tensor:
        """Sizes are numbers (0 keeps, -1 infers) or scalar tensors."""
        if all(isinstance(size, int) for size in shape):
            target = self.graph.constant(shape, INT)
        else:
            sizes = [
                size.unsqueeze(0) if isinstance(size, Tensor) else self.graph.constant([size], INT)
                for size in shape
            ]
            target = concatenate(sizes, axis=0)
        return self.graph.node("Reshape", self, target, dtype=self.dtype)

    def size(self, axis: int) -> Tensor:
        """The length of an axis, as a scalar."""
        shape = self._unary("Shape", INT)
        return self.graph.node("Gather", shape, self.graph.constant(axis, INT), dtype=INT, axis=0)

    def unshaped(self) -> Tensor:
        """The same, of a shape that nobody can tell before the graph runs.

        ONNX Runtime compares buffers of known shapes to find ones to use again, every node's
        with all that are free, which is most of the time that opening a file takes.
        """
        shape = self._unary("Shape", INT)
        return self.graph.node("Reshape", self, shape, dtype=self.dtype)

    def expand_like(self, other: Tensor) -> Tensor:
        shape = other._unary("Shape", INT)
        return self.graph.node("Expand", self, shape, dtype=self.dtype)

    def repeat(self, *shape: int) -> Tensor:
        """Copies along every axis of length one that has another length in `shape`."""
        return self.graph.node("Expand", self, self.graph.constant(shape, INT), dtype=self.dtype)

    def slice(self, axis: int, start: int, end: int = END) -> Tensor:
        return self.slices({axis: (start, end)})

    def slices(self, bounds: Mapping[int, tuple[int, ...]]) -> Tensor:
        """Slices of several axes at once, (start, end) or (start, end, step) of each."""
        axes = list(bounds)
        starts, ends = ([bounds[axis][i] for axis in axes] for i in (0, 1))
        steps = [bounds[axis][2] if len(bounds[axis]) > 2 else 1 for axis in axes]
        parts = [starts, ends, axes] if set(steps) == {1} else [starts, ends, axes, steps]
        inputs = [self.graph.constant(part, INT) for part in parts]
        return self.graph.node("Slice", self, *inputs, dtype=self.dtype)

    def split(self, axis: int, sizes: Sequence[int]) -> list[Tensor]:
        inputs = [self, self.graph.constant(sizes, INT)]
        names = self.graph.write("Split", inputs, len(sizes), axis=axis)
        return [Tensor(self.graph, name, self.dtype) for name in names]

    def parts(self, axis: int, count: int) -> list[Tensor]:
        """So many parts of the same length."""
        names = self.graph.write("Split", [self], count, axis=axis)
        return [Tensor(self.graph, name, self.dtype) for name in names]

    def pad(self, before: Sequence[int], after: Sequence[int], value: float = 0.0) -> Tensor:
        pads = self.graph.constant([*before, *after], INT)
        return self.graph.node("Pad", self, pads, self._lift(value), dtype=self.dtype)

    def take(self, indices, axis: int) -> Tensor:
        """The same positions of every row."""
        if not isinstance(indices, Tensor):
            indices = self.graph.constant(indices, INT)
        return self.graph.node("Gather", self, indices, dtype=self.dtype, axis=axis)

    def take_along(self, indices: Tensor, axis: int) -> Tensor:
        """Positions that differ from row to row."""
        return self.graph.node("GatherElements", self, indices, dtype=self.dtype, axis=axis)

    def correlate(self, kernels: np.ndarray) -> Tensor:
        """[rows, 1, time] to [rows, kernel, time]; the last tap meets the current step."""
        taps = kernels.shape[1]
        weights = self.graph.constant(kernels[:, None, :], FLOAT)
        return self.graph.node("Conv", self, weights, dtype=FLOAT, pads=[taps - 1, 0])


def where(condition: Tensor, yes, no) -> Tensor:
    graph = condition.graph
    like = yes if isinstance(yes, Tensor) else no if isinstance(no, Tensor) else None
    dtype = like.dtype if like is not None else FLOAT
    yes, no = (
        value if isinstance(value, Tensor) else graph.constant(value, dtype) for value in (yes, no)
    )
    return graph.node("Where", condition, yes, no, dtype=dtype)


def branch(
    condition: Tensor, yes: Callable[[], Sequence[Tensor]], no: Callable[[], Sequence[Tensor]]
) -> list[Tensor]:
    """Only one of the two is computed, the same for all rows; `condition` is one boolean."""
    graph = condition.graph
    bodies, outputs = {}, []
    for name, write in (("then_branch", yes), ("else_branch", no)):
        with graph.subgraph(name) as nodes:
            # What a branch gives has to be computed in it, each result by a node of its own.
            results = [graph.result(f"{graph._scope}{i}", own) for i, own in enumerate(write())]
        infos = [
            helper.make_tensor_value_info(tensor.name, _ELEMENT_TYPES[tensor.dtype], None)
            for tensor in results
        ]
        bodies[name] = helper.make_graph(nodes, name, [], infos)
        outputs = results
    name = f"{graph._scope}If_{len(graph.nodes)}"
    names = [f"{name}_{i}" for i in range(len(outputs))]
    graph.nodes.append(helper.make_node("If", [condition.name], names, name=name, **bodies))
    return [Tensor(graph, name, out.dtype) for name, out in zip(names, outputs, strict=True)]


def concatenate(tensors: Sequence[Tensor], axis: int) -> Tensor:
    first = tensors[0]
    return first.graph.node("Concat", *tensors, dtype=first.dtype, axis=axis)


def arange(length: Tensor) -> Tensor:
    """0, 1, ... length - 1."""
    return between(length.graph.constant(0, INT), length)


def between(start: Tensor, end: Tensor) -> Tensor:
    """start, start + 1, ... end - 1."""
    return start.graph.node("Range", start, end, start.graph.constant(1, INT), dtype=INT)
