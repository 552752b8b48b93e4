"""Batching rules of operators on several tensors: joining, products, convolution, indexing (see _batching_rules.py)."""

from __future__ import annotations

from typing import Any

from .._core.batching import to_front
from .._core.declare import find, registry
from ._batching_rules import _declare, _full, _shifted

# Several tensors ----------------------------------------------------------------------------------------------------------------------


def _cat(in_dims: dict[str, Any], size: int, /, **arguments: Any) -> Any:
    tensors = [_full(t, d, size) for t, d in zip(arguments["tensors"], in_dims["tensors"], strict=True)]
    rank = max(t._array.ndim for t in tensors) - 1
    if any(t._array.ndim - 1 != rank for t in tensors) or not rank:
        return NotImplemented
    return find("cat").call(tensors, _shifted(arguments["dim"], rank)), 0


def _stack(in_dims: dict[str, Any], size: int, /, **arguments: Any) -> Any:
    tensors = [_full(t, d, size) for t, d in zip(arguments["tensors"], in_dims["tensors"], strict=True)]
    return find("stack").call(tensors, _shifted(arguments["dim"], tensors[0]._array.ndim)), 0


_declare("cat", "", _cat)
_declare("stack", "", _stack)


def _copy(in_dims: dict[str, Any], size: int, /, **arguments: Any) -> Any:
    target = _full(arguments["self"], in_dims["self"], size)
    source, dim = arguments["src"], in_dims["src"]
    if dim is not None:
        source = to_front(source, dim)
        missing = target._array.ndim - source._array.ndim
        if missing < 0:
            return NotImplemented
        shape = source._array.shape
        source = source.reshape((shape[0], *[1] * missing, *shape[1:])) if missing else source
    return find("copy").call(target, source, arguments["non_blocking"]), 0


_declare("copy", "", _copy)


def _fill_tensor(in_dims: dict[str, Any], size: int, /, **arguments: Any) -> Any:
    target = _full(arguments["self"], in_dims["self"], size)
    value, dim = arguments["value"], in_dims["value"]
    if dim is not None:
        value = value.reshape((size, *[1] * (target._array.ndim - 1)))
    return find("copy").call(target, value, False), 0


_declare("fill", "Tensor", _fill_tensor)


def _masked_fill(in_dims: dict[str, Any], size: int, /, **arguments: Any) -> Any:
    if in_dims.get("value") is not None:
        return NotImplemented
    self, mask = _align(arguments, in_dims, ("self", "mask"))
    overload = "Tensor" if hasattr(arguments["value"], "_array") else "Scalar"
    result = find("masked_fill", overload).call(self, mask, arguments["value"])
    return (result, 0)


def _align(arguments: dict[str, Any], in_dims: dict[str, Any], names: tuple[str, ...]) -> list[Any]:
    """Batch dimensions first and ranks equal."""
    ranks = [arguments[n]._array.ndim - (in_dims[n] is not None) for n in names]
    rank = max(ranks)
    aligned = []
    for name, own in zip(names, ranks, strict=True):
        value, dim = arguments[name], in_dims[name]
        if dim is not None:
            value = to_front(value, dim)
            shape = value._array.shape
            value = value.reshape((shape[0], *[1] * (rank - own), *shape[1:])) if own < rank else value
        aligned.append(value)
    return aligned


_declare("masked_fill", "Scalar", _masked_fill)
_declare("masked_fill", "Tensor", _masked_fill)


# Products -----------------------------------------------------------------------------------------------------------------------------


def _mm(in_dims: dict[str, Any], size: int, /, **arguments: Any) -> Any:
    a, b = arguments["self"], arguments["mat2"]
    da, db = in_dims["self"], in_dims["mat2"]
    a_rank, b_rank = a._array.ndim - (da is not None), b._array.ndim - (db is not None)
    if a_rank != 2 or b_rank != 2:
        return NotImplemented
    if db is None:  # (B, N, K) @ (K, M): one product of more rows
        a = to_front(a, da)
        rows = a._array.shape[1]
        return find("mm").call(a.reshape((size * rows, a._array.shape[2])), b).reshape(
            (size, rows, b._array.shape[1])
        ), 0
    if da is None:  # (N, K) @ (B, K, M): the batch joins the columns
        b = to_front(b, db)
        columns = find("permute").call(b, (1, 0, 2)).reshape((b._array.shape[1], size * b._array.shape[2]))
        return find("mm").call(a, columns).reshape((a._array.shape[0], size, b._array.shape[2])), 1
    return find("bmm").call(to_front(a, da), to_front(b, db)), 0


def _bmm(in_dims: dict[str, Any], size: int, /, **arguments: Any) -> Any:
    a = _full(arguments["self"], in_dims["self"], size)
    b = _full(arguments["mat2"], in_dims["mat2"], size)
    if a._array.ndim != 4 or b._array.ndim != 4 or a._array.shape[1] != b._array.shape[1]:
        return NotImplemented
    many = a._array.shape[1]
    flat = find("bmm").call(
        a.reshape((size * many, *a._array.shape[2:])), b.reshape((size * many, *b._array.shape[2:]))
    )
    return flat.reshape((size, many, *flat._array.shape[1:])), 0


def _mv(in_dims: dict[str, Any], size: int, /, **arguments: Any) -> Any:
    a, v = arguments["self"], arguments["vec"]
    da, dv = in_dims["self"], in_dims["vec"]
    if a._array.ndim - (da is not None) != 2 or v._array.ndim - (dv is not None) != 1:
        return NotImplemented
    if da is None:  # (N, K) @ (B, K)
        return find("mm").call(a, find("t").call(to_front(v, dv))), 1
    if dv is None:
        a = to_front(a, da)
        return find("mv").call(a.reshape((size * a._array.shape[1], a._array.shape[2])), v).reshape(
            (size, a._array.shape[1])
        ), 0
    product = find("bmm").call(to_front(a, da), find("unsqueeze").call(to_front(v, dv), 2))
    return find("squeeze", "dim").call(product, 2), 0


def _dot(in_dims: dict[str, Any], size: int, /, **arguments: Any) -> Any:
    a, b = arguments["self"], arguments["tensor"]
    da, db = in_dims["self"], in_dims["tensor"]
    if a._array.ndim - (da is not None) != 1 or b._array.ndim - (db is not None) != 1:
        return NotImplemented
    if db is None:  # (B, K) @ (K,), which torch transposes, as a view of a vector
        return find("mv").call(to_front(a, da), find("t").call(b)), 0
    b = to_front(b, db)  # (B, K)
    if da is None:
        return find("matmul").kernel(a, find("t").call(b)), 0
    a = to_front(a, da)
    if a._array.shape != b._array.shape:
        return NotImplemented
    product = find("matmul").kernel(a.unsqueeze(1), b.unsqueeze(2))  # (B, 1, 1)
    squeeze = find("squeeze", "dim")
    return squeeze.call(squeeze.call(product, 2), 1), 0


def _addmm(in_dims: dict[str, Any], size: int, /, **arguments: Any) -> Any:
    product, dim = (
        _mm(
            {"self": in_dims["mat1"], "mat2": in_dims["mat2"]},
            size,
            self=arguments["mat1"],
            mat2=arguments["mat2"],
        )
        if (in_dims["mat1"] is not None or in_dims["mat2"] is not None)
        else (find("mm").call(arguments["mat1"], arguments["mat2"]), None)
    )
    if product is NotImplemented:
        return NotImplemented
    product = _full(product, dim, size)
    bias, where = arguments["self"], in_dims["self"]
    if where is not None:
        bias = to_front(bias, where)
        shape = bias._array.shape
        bias = bias.reshape((shape[0], *[1] * (3 - len(shape)), *shape[1:]))
    beta, alpha = arguments["beta"], arguments["alpha"]
    if beta != 1:
        bias = bias * beta
    return product * alpha + bias if alpha != 1 else product + bias, 0


for _name, _rule in [("mm", _mm), ("bmm", _bmm), ("mv", _mv), ("dot", _dot), ("addmm", _addmm)]:
    _declare(_name, "", _rule)


# Convolution ---------------------------------------------------------------------------------------------------------------------------


def _convolution(in_dims: dict[str, Any], size: int, /, **arguments: Any) -> Any:
    """Batched inputs join the examples (N); batched weights become groups."""
    x, w, bias = arguments["input"], arguments["weight"], arguments["bias"]
    dx, dw, db = in_dims["input"], in_dims["weight"], in_dims["bias"]
    rest = [arguments[n] for n in ("stride", "padding", "dilation", "transposed", "output_padding")]
    groups = arguments["groups"]
    convolution = find("convolution").call
    if dw is None and db is None:
        x = to_front(x, dx)
        shape = x._array.shape  # (B, N, C, ...)
        out = convolution(x.reshape((shape[0] * shape[1], *shape[2:])), w, bias, *rest, groups)
        return out.reshape((size, shape[1], *out._array.shape[1:])), 0
    if arguments["transposed"] or dw is None:
        return NotImplemented
    w = to_front(w, dw)
    x = _full(x, dx, size)
    shape = x._array.shape
    x = (
        find("permute")
        .call(x, (1, 0, *range(2, len(shape))))
        .reshape((shape[1], size * shape[2], *shape[3:]))
    )
    outputs = w._array.shape[1]
    out = convolution(x, w.reshape((size * outputs, *w._array.shape[2:])), None, *rest, groups * size)
    out = out.reshape((shape[1], size, outputs, *out._array.shape[2:]))
    if bias is not None:
        spread = to_front(bias, db).reshape((size, outputs) if db is not None else (1, outputs))
        out = out + spread.reshape((*spread._array.shape, *[1] * (len(shape) - 3)))
    return out, 1


_declare("convolution", "", _convolution)


# Indexing ------------------------------------------------------------------------------------------------------------------------------


def _gather(in_dims: dict[str, Any], size: int, /, **arguments: Any) -> Any:
    x, index = (
        _full(arguments["self"], in_dims["self"], size),
        _full(arguments["index"], in_dims["index"], size),
    )
    rank = x._array.ndim - 1
    if not rank or index._array.ndim - 1 != rank:
        return NotImplemented
    return find("gather").call(x, _shifted(arguments["dim"], rank), index, arguments["sparse_grad"]), 0


def _index_select(in_dims: dict[str, Any], size: int, /, **arguments: Any) -> Any:
    if in_dims["index"] is not None or arguments["self"]._array.ndim < 2:
        return NotImplemented
    x = to_front(arguments["self"], in_dims["self"])
    return find("index_select").call(x, _shifted(arguments["dim"], x._array.ndim - 1), arguments["index"]), 0


def _embedding(in_dims: dict[str, Any], size: int, /, **arguments: Any) -> Any:
    if in_dims["weight"] is not None:
        return NotImplemented
    names = [name for name in arguments if name not in ("weight", "indices")]
    indices = to_front(arguments["indices"], in_dims["indices"])
    return find("embedding").call(arguments["weight"], indices, *[arguments[n] for n in names]), 0


def _refuse_masks(indices: Any, dims: Any) -> None:
    if any(
        index is not None and dim is not None and index.dtype._category == "bool"
        for index, dim in zip(indices, dims, strict=True)
    ):
        raise RuntimeError(
            "vmap: We do not support batching operators that can support dynamic shape. Attempting to batch over indexing with a boolean mask."
        )


def _index(in_dims: dict[str, Any], size: int, /, **arguments: Any) -> Any:
    """Index tensors shared by all examples, led by a full slice for the batch."""
    _refuse_masks(arguments["indices"], in_dims["indices"])
    if in_dims["self"] is None or any(dim is not None for dim in in_dims["indices"]):
        return NotImplemented
    indices = list(arguments["indices"])
    present = [i for i, index in enumerate(indices) if index is not None]
    if present and present[-1] - present[0] != len(present) - 1:
        return NotImplemented  # separated indices put their dimensions first
    x = to_front(arguments["self"], in_dims["self"])
    return find("index", "Tensor").call(x, [None, *indices]), 0


_declare("gather", "", _gather)
_declare("index_select", "", _index_select)
_declare("embedding", "", _embedding)
_declare("index", "Tensor", _index)


# Results whose shape depends on the values ---------------------------------------------------------------------------------------------


def _masked_select(in_dims: dict[str, Any], size: int, /, **arguments: Any) -> Any:
    if in_dims["mask"] is None:
        return NotImplemented
    raise RuntimeError(
        "vmap: Attempted to vmap over `mask` in torch.masked_select(self, mask) We cannot support this because for each batch this would "
        "return a differently shaped Tensor. Please file an issue at https://github.com/pytorch/pytorch/issues if you need this feature."
    )


_declare("masked_select", "", _masked_select)
for _name in (
    "nonzero",
    "_unique",
    "_unique2",
    "unique_dim",
    "unique_consecutive",
    "bincount",
    "repeat_interleave",
):
    for _operator in registry.get(_name, ()):
        if _operator.family == "op":
            _operator.options["dynamic"] = True


def _index_put(in_dims: dict[str, Any], size: int, /, **arguments: Any) -> Any:
    _refuse_masks(arguments["indices"], in_dims["indices"])
    return NotImplemented


_declare("index_put", "", _index_put)
