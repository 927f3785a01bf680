"""Write an ONNX graph as if it were array code.

A `Tensor` stands for a value that exists only when the graph runs. Arithmetic
on tensors adds nodes to the `Graph` they belong to; Python numbers and numpy
arrays become constants of the other operand's type. Only what the statistical
baseline needs is here, in operator set 13, so that old runtimes load the file.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
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
        self.nodes.append(helper.make_node("Identity", [tensor.name], [name], name=name))
        self.outputs.append(helper.make_tensor_value_info(name, _ELEMENT_TYPES[tensor.dtype], axes))

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
        name = f"{self._scope}{operator}_{len(self.nodes)}"
        names = [tensor.name for tensor in inputs]
        outputs = [name, f"{name}_indices"] if operator == "TopK" else [name]
        self.nodes.append(helper.make_node(operator, names, outputs, name=name, **attributes))
        return Tensor(self, name, dtype)

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

    def transpose(self, *axes: int) -> Tensor:
        return self._unary("Transpose", perm=axes)

    def cumsum(self, axis: int) -> Tensor:
        return self.graph.node("CumSum", self, self.graph.constant(axis, INT), dtype=self.dtype)

    def softmax(self, axis: int) -> Tensor:
        return self._unary("Softmax", axis=axis)

    def sort(self, axis: int) -> Tensor:
        """Ascending order along an axis."""
        length = self.size(axis).reshape(1)
        return self.graph.node("TopK", self, length, dtype=self.dtype, axis=axis, largest=0)

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

    def expand_like(self, other: Tensor) -> Tensor:
        shape = other._unary("Shape", INT)
        return self.graph.node("Expand", self, shape, dtype=self.dtype)

    def slice(self, axis: int, start: int, end: int = END) -> Tensor:
        bounds = [self.graph.constant([value], INT) for value in (start, end, axis)]
        return self.graph.node("Slice", self, *bounds, dtype=self.dtype)

    def split(self, axis: int, sizes: Sequence[int]) -> list[Tensor]:
        name = f"{self.graph._scope}Split_{len(self.graph.nodes)}"
        outputs = [f"{name}_{i}" for i in range(len(sizes))]
        inputs = [self.name, self.graph.constant(sizes, INT).name]
        self.graph.nodes.append(helper.make_node("Split", inputs, outputs, name=name, axis=axis))
        return [Tensor(self.graph, output, self.dtype) for output in outputs]

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
        before, graph.nodes = graph.nodes, []
        with graph.scope(f"{name}_{len(before)}"):
            results = [graph.node("Identity", tensor, dtype=tensor.dtype) for tensor in write()]
        nodes, graph.nodes = graph.nodes, before
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
    zero, one = length.graph.constant(0, INT), length.graph.constant(1, INT)
    return length.graph.node("Range", zero, length, one, dtype=INT)
