"""Build an ONNX graph as if it were array code.

A `Tensor` stands for a value that exists only while the graph runs. Arithmetic on tensors adds
nodes to the `Graph` that they belong to; Python numbers and numpy arrays become constants of the
other operand's type. Only the operators that the bundled models need are here, in operator set 13,
so that old runtimes can load the file.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

import numpy as np
import numpy.typing as npt
import onnx
from onnx import TensorProto, helper, numpy_helper

OPSET = 13
IR_VERSION = 8

DType = np.dtype[Any]
FLOAT: DType = np.dtype(np.float32)
INT: DType = np.dtype(np.int64)
BOOL: DType = np.dtype(np.bool_)

# The default upper bound of a clamp.
FAR = float(np.finfo(np.float32).max)

# The end of a slice that extends to the end of the axis.
END = int(np.iinfo(np.int64).max)

_ELEMENT_TYPES = {FLOAT: TensorProto.FLOAT, INT: TensorProto.INT64, BOOL: TensorProto.BOOL}


class Graph:
    """A graph under construction: nodes, constants, inputs and outputs."""

    def __init__(self, name: str):
        self.name = name
        self.nodes: list[onnx.NodeProto] = []
        self.inputs: list[onnx.ValueInfoProto] = []
        self.outputs: list[onnx.ValueInfoProto] = []
        self.constants: dict[tuple[object, ...], tuple[str, np.ndarray]] = {}
        self._scope = ""
        self._written: dict[tuple[object, ...], list[str]] = {}

    @contextmanager
    def scope(self, name: str) -> Iterator[None]:
        """Prefix the names of the nodes added inside, for readers of the file."""
        outer, self._scope = self._scope, f"{self._scope}{name}/"
        yield
        self._scope = outer

    def input(self, name: str, dtype: DType, axes: Sequence[str]) -> Tensor:
        """Add a named input; an axis is given by its symbolic name."""
        self.inputs.append(helper.make_tensor_value_info(name, _ELEMENT_TYPES[dtype], axes))
        return Tensor(self, name, dtype)

    def output(self, name: str, tensor: Tensor, axes: Sequence[str | int]) -> None:
        """Make a tensor a named output; an axis is a symbolic name or a size."""
        writer = next((node for node in self.nodes if tensor.name in node.output), None)
        if writer is None or tensor.name in [output.name for output in self.outputs]:
            self.result(name, tensor)
        else:
            self._rename(tensor.name, name)
        self.outputs.append(helper.make_tensor_value_info(name, _ELEMENT_TYPES[tensor.dtype], axes))

    def _rename(self, old: str, new: str) -> None:
        for node in self.nodes:
            for names in (node.input, node.output):
                names[:] = [new if name == old else name for name in names]

    def result(self, name: str, tensor: Tensor) -> Tensor:
        """Return the same value under the given name."""
        self.nodes.append(helper.make_node("Identity", [tensor.name], [name], name=name))
        return Tensor(self, name, tensor.dtype)

    def constant(self, value: npt.ArrayLike, dtype: DType | None = None) -> Tensor:
        """Add a constant, once for each value; float64 becomes float32."""
        array = np.asarray(value, dtype=dtype)
        if array.dtype == np.float64:
            array = array.astype(FLOAT)
        key = (array.dtype.str, array.shape, array.tobytes())
        name, _ = self.constants.setdefault(key, (f"constant_{len(self.constants)}", array))
        return Tensor(self, name, array.dtype)

    def parameter(self, name: str, array: np.ndarray) -> Tensor:
        """Add a trained constant, which keeps its name in the file."""
        array = np.asarray(array, dtype=FLOAT)
        self.constants[("parameter", name)] = (name, array)
        return Tensor(self, name, FLOAT)

    def node(self, operator: str, *inputs: Tensor, dtype: DType, **attributes: Any) -> Tensor:
        """Add a node and return its first result, of type `dtype`."""
        names = self.write(operator, inputs, 2 if operator == "TopK" else 1, **attributes)
        return Tensor(self, names[0], dtype)

    def write(
        self, operator: str, inputs: Sequence[Tensor], results: int, **attributes: Any
    ) -> list[str]:
        """Add a node, unless an equal one exists, and return the names of its results."""
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
        """Collect nodes that can use all existing ones, but are not visible outside."""
        nodes, written = self.nodes, self._written
        self.nodes, self._written = [], dict(written)
        with self.scope(f"{name}_{len(nodes)}"):
            yield self.nodes
        self.nodes, self._written = nodes, written

    def model(self, metadata: dict[str, str]) -> onnx.ModelProto:
        """Return the checked model, which has the same bytes in every run."""
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
    """A value of the graph at run time."""

    __array_ufunc__ = None  # Lets `array * tensor` reach `__rmul__` below.

    def __init__(self, graph: Graph, name: str, dtype: DType):
        self.graph = graph
        self.name = name
        self.dtype = dtype

    def _lift(self, other: Operand) -> Tensor:
        return other if isinstance(other, Tensor) else self.graph.constant(other, self.dtype)

    def _binary(
        self, operator: str, other: Operand, dtype: DType | None = None, **attributes: Any
    ) -> Tensor:
        return self.graph.node(
            operator, self, self._lift(other), dtype=dtype or self.dtype, **attributes
        )

    def _unary(self, operator: str, dtype: DType | None = None, **attributes: Any) -> Tensor:
        return self.graph.node(operator, self, dtype=dtype or self.dtype, **attributes)

    def __add__(self, other: Operand) -> Tensor:
        return self._binary("Add", other)

    def __sub__(self, other: Operand) -> Tensor:
        return self._binary("Sub", other)

    def __mul__(self, other: Operand) -> Tensor:
        return self._binary("Mul", other)

    def __truediv__(self, other: Operand) -> Tensor:
        return self._binary("Div", other)

    def __floordiv__(self, other: Operand) -> Tensor:
        """Divide non-negative integers; the operator rounds towards zero."""
        return self._binary("Div", other)

    def __pow__(self, other: Operand) -> Tensor:
        return self._binary("Pow", other)

    def __matmul__(self, other: Operand) -> Tensor:
        return self._binary("MatMul", other)

    def __radd__(self, other: Operand) -> Tensor:
        return self._lift(other) + self

    def __rsub__(self, other: Operand) -> Tensor:
        return self._lift(other) - self

    def __rmul__(self, other: Operand) -> Tensor:
        return self._lift(other) * self

    def __rtruediv__(self, other: Operand) -> Tensor:
        return self._lift(other) / self

    def __rpow__(self, other: Operand) -> Tensor:
        return self._lift(other) ** self

    def __neg__(self) -> Tensor:
        return self._unary("Neg")

    def __mod__(self, other: Operand) -> Tensor:
        """Return the remainder with the sign of the divisor, as in Python."""
        return self._binary("Mod", other)

    def __lt__(self, other: Operand) -> Tensor:
        return self._binary("Less", other, BOOL)

    def __le__(self, other: Operand) -> Tensor:
        return self._binary("LessOrEqual", other, BOOL)

    def __gt__(self, other: Operand) -> Tensor:
        return self._binary("Greater", other, BOOL)

    def __ge__(self, other: Operand) -> Tensor:
        return self._binary("GreaterOrEqual", other, BOOL)

    def equals(self, other: Operand) -> Tensor:
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

    def maximum(self, other: Operand) -> Tensor:
        return self._binary("Max", other)

    def minimum(self, other: Operand) -> Tensor:
        return self._binary("Min", other)

    def clip(self, low: Operand, high: Operand) -> Tensor:
        return self.maximum(low).minimum(high)

    def clamp(self, low: float, high: float = FAR) -> Tensor:
        """Clip to constant bounds, in a single node."""
        bounds = [self.graph.constant(value, self.dtype) for value in (low, high)]
        return self.graph.node("Clip", self, *bounds, dtype=self.dtype)

    def cast(self, dtype: DType) -> Tensor:
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
        """Return the index of the smallest value: the first of equal ones, or the last."""
        return self._unary("ArgMin", INT, axis=axis, keepdims=True, select_last_index=int(last))

    def transpose(self, *axes: int) -> Tensor:
        return self._unary("Transpose", perm=axes)

    def cumsum(self, axis: int) -> Tensor:
        return self.graph.node("CumSum", self, self.graph.constant(axis, INT), dtype=self.dtype)

    def softmax(self, axis: int) -> Tensor:
        return self._unary("Softmax", axis=axis)

    def sort(self, axis: int, length: int | None = None) -> Tensor:
        """Sort ascending along an axis, whose length may be given if it is known."""
        count = self.size(axis).reshape(1) if length is None else self.graph.constant([length], INT)
        return self.graph.node("TopK", self, count, dtype=self.dtype, axis=axis, largest=0)

    def norm(self, *axes: int) -> Tensor:
        """Return the square root of the sum of squares."""
        return self._unary("ReduceL2", axes=axes, keepdims=True)

    def linear(self, weight: Tensor, bias: Tensor, factor: float = 1.0) -> Tensor:
        """Map [rows, in] to [rows, out]; `factor` scales the product."""
        return self.graph.node("Gemm", self, weight, bias, dtype=self.dtype, alpha=factor)

    def unsqueeze(self, *axes: int) -> Tensor:
        return self.graph.node("Unsqueeze", self, self.graph.constant(axes, INT), dtype=self.dtype)

    def reshape(self, *shape: int | Tensor) -> Tensor:
        """Reshape; a size is a number (0 keeps, -1 infers) or a scalar tensor."""
        numbers = [size for size in shape if isinstance(size, int)]
        if len(numbers) == len(shape):
            target = self.graph.constant(numbers, INT)
        else:
            sizes = [
                size.unsqueeze(0) if isinstance(size, Tensor) else self.graph.constant([size], INT)
                for size in shape
            ]
            target = concatenate(sizes, axis=0)
        return self.graph.node("Reshape", self, target, dtype=self.dtype)

    def size(self, axis: int) -> Tensor:
        """Return the length of an axis as a scalar."""
        shape = self._unary("Shape", INT)
        return self.graph.node("Gather", shape, self.graph.constant(axis, INT), dtype=INT, axis=0)

    def unshaped(self) -> Tensor:
        """Return the same value with a shape that is unknown before the graph runs.

        ONNX Runtime compares buffers of known shapes to reuse them, those of every node with all
        that are free, which takes most of the time to open a file.
        """
        shape = self._unary("Shape", INT)
        return self.graph.node("Reshape", self, shape, dtype=self.dtype)

    def expand_like(self, other: Tensor) -> Tensor:
        shape = other._unary("Shape", INT)
        return self.graph.node("Expand", self, shape, dtype=self.dtype)

    def repeat(self, *shape: int) -> Tensor:
        """Copy along every axis of length one that has another length in `shape`."""
        return self.graph.node("Expand", self, self.graph.constant(shape, INT), dtype=self.dtype)

    def slice(self, axis: int, start: int, end: int = END) -> Tensor:
        return self.slices({axis: (start, end)})

    def slices(self, bounds: Mapping[int, tuple[int, ...]]) -> Tensor:
        """Slice several axes at once, by (start, end) or (start, end, step) of each."""
        axes = list(bounds)
        starts, ends = ([bounds[axis][i] for axis in axes] for i in (0, 1))
        steps = [bound[2] if len(bound := bounds[axis]) > 2 else 1 for axis in axes]
        parts = [starts, ends, axes] if set(steps) == {1} else [starts, ends, axes, steps]
        inputs = [self.graph.constant(part, INT) for part in parts]
        return self.graph.node("Slice", self, *inputs, dtype=self.dtype)

    def split(self, axis: int, sizes: Sequence[int]) -> list[Tensor]:
        inputs = [self, self.graph.constant(sizes, INT)]
        names = self.graph.write("Split", inputs, len(sizes), axis=axis)
        return [Tensor(self.graph, name, self.dtype) for name in names]

    def parts(self, axis: int, count: int) -> list[Tensor]:
        """Split into `count` parts of equal length."""
        names = self.graph.write("Split", [self], count, axis=axis)
        return [Tensor(self.graph, name, self.dtype) for name in names]

    def pad(self, before: Sequence[int], after: Sequence[int], value: float = 0.0) -> Tensor:
        pads = self.graph.constant([*before, *after], INT)
        return self.graph.node("Pad", self, pads, self._lift(value), dtype=self.dtype)

    def take(self, indices: Operand, axis: int) -> Tensor:
        """Gather the same positions of every row."""
        if not isinstance(indices, Tensor):
            indices = self.graph.constant(indices, INT)
        return self.graph.node("Gather", self, indices, dtype=self.dtype, axis=axis)

    def take_along(self, indices: Tensor, axis: int) -> Tensor:
        """Gather positions that differ between rows."""
        return self.graph.node("GatherElements", self, indices, dtype=self.dtype, axis=axis)

    def correlate(self, kernels: np.ndarray) -> Tensor:
        """Map [rows, 1, time] to [rows, kernel, time]; the last tap is the current step."""
        taps = kernels.shape[1]
        weights = self.graph.constant(kernels[:, None, :], FLOAT)
        return self.graph.node("Conv", self, weights, dtype=FLOAT, pads=[taps - 1, 0])


Operand = Tensor | npt.ArrayLike


def where(condition: Tensor, yes: Operand, no: Operand) -> Tensor:
    """Select elementwise; a constant takes the type of the other value."""
    graph = condition.graph
    like = yes if isinstance(yes, Tensor) else no if isinstance(no, Tensor) else None
    dtype = like.dtype if like is not None else FLOAT
    chosen = [
        value if isinstance(value, Tensor) else graph.constant(value, dtype) for value in (yes, no)
    ]
    return graph.node("Where", condition, *chosen, dtype=dtype)


def branch(
    condition: Tensor, yes: Callable[[], Sequence[Tensor]], no: Callable[[], Sequence[Tensor]]
) -> list[Tensor]:
    """Compute one of two results, the same for all rows; `condition` is a single boolean."""
    graph = condition.graph
    bodies: dict[str, onnx.GraphProto] = {}
    outputs: list[Tensor] = []
    for name, write in (("then_branch", yes), ("else_branch", no)):
        with graph.subgraph(name) as nodes:
            # Every result of a branch must be computed in it, by a node of its own.
            results = [
                graph.result(f"{graph._scope}{i}", tensor) for i, tensor in enumerate(write())
            ]
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
    """Join tensors along an axis."""
    first = tensors[0]
    return first.graph.node("Concat", *tensors, dtype=first.dtype, axis=axis)


def arange(length: Tensor) -> Tensor:
    """Return 0, 1, ... length - 1."""
    return between(length.graph.constant(0, INT), length)


def between(start: Tensor, end: Tensor) -> Tensor:
    """Return start, start + 1, ... end - 1."""
    return start.graph.node("Range", start, end, start.graph.constant(1, INT), dtype=INT)
