"""Einstein summation: operands are aligned on common dimensions and contracted pair by pair through bmm, as torch does."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

from tinytorch._core.declare import composite
from tinytorch._core.signature import wrong_type
from tinytorch._core.tensor import Tensor
from tinytorch._operators.matrix import bmm

ELLIPSIS = -1
_LETTERS = {chr(ord("A") + i): i for i in range(26)} | {chr(ord("a") + i): i + 26 for i in range(26)}
_NAMES = {number: letter for letter, number in _LETTERS.items()}


def sumproduct_pair(left: Any, right: Any, sum_dims: Sequence[int], keepdim: bool = True) -> Any:
    """The product of two tensors of equal rank summed over sum_dims, as one batched matrix product."""
    if not sum_dims:
        return left * right
    both: list[int] = []
    left_only: list[int] = []
    right_only: list[int] = []
    sum_size = 1
    for i in range(left.dim()):
        in_left, in_right = left.shape[i] != 1, right.shape[i] != 1
        if i in sum_dims:
            if in_left and in_right:
                sum_size *= left.shape[i]
            elif in_left:
                left = left.sum(i, True)
            elif in_right:
                right = right.sum(i, True)
        elif in_left and in_right:
            both.append(i)
        elif in_left:
            left_only.append(i)
        else:
            right_only.append(i)
    batch = math.prod([left.shape[i] for i in both])
    rows, columns = (
        math.prod([left.shape[i] for i in left_only]),
        math.prod([right.shape[i] for i in right_only]),
    )
    out_size = [
        *[left.shape[i] for i in [*both, *left_only]],
        *[1 for _ in sum_dims],
        *[right.shape[i] for i in right_only],
    ]
    order = [*both, *left_only, *sum_dims, *right_only]
    left = left.permute(order).reshape([batch, rows, sum_size])
    right = right.permute([*both, *sum_dims, *right_only, *left_only]).reshape([batch, sum_size, columns])
    back = [0] * len(order)
    for position, dimension in enumerate(order):
        back[dimension] = position
    result = bmm(left, right).view(out_size).permute(back)
    return result if keepdim else result.squeeze(tuple(sum_dims))


def _parse_operands(equation: str, count: int) -> list[list[int]]:
    """Each operand's labels; ELLIPSIS marks three dots."""
    labels: list[list[int]] = [[]]
    position = 0
    while position < len(equation):
        letter = equation[position]
        if letter == ".":
            if ELLIPSIS in labels[-1]:
                raise RuntimeError(
                    f"einsum(): found '.' for operand {len(labels) - 1} for which an ellipsis was already found"
                )
            if equation[position : position + 3] != "...":
                raise RuntimeError(
                    f"einsum(): found '.' for operand {len(labels) - 1} that is not part of any ellipsis"
                )
            labels[-1].append(ELLIPSIS)
            position += 2
        elif letter == ",":
            labels.append([])
            if len(labels) > count:
                raise RuntimeError("einsum(): fewer operands were provided than specified in the equation")
        elif letter != " ":
            if letter not in _LETTERS:
                raise RuntimeError(
                    f"einsum(): invalid subscript given at index {position} in the equation string, subscripts must be "
                    "in [a-zA-Z]"
                )
            labels[-1].append(_LETTERS[letter])
        position += 1
    if len(labels) < count:
        raise RuntimeError("einsum(): more operands were provided than specified in the equation")
    return labels


def _parse_output(text: str, start: int, known: set[int], ellipsis_dims: int) -> list[int]:
    """The output's labels, checked."""
    labels: list[int] = []
    position = 0
    while position < len(text):
        letter = text[position]
        if letter == ".":
            if ELLIPSIS in labels:
                raise RuntimeError("einsum(): found '.' for output but an ellipsis (...) was already found")
            if text[position : position + 3] != "...":
                raise RuntimeError("einsum(): found '.' for output that is not part of any ellipsis (...)")
            labels.append(ELLIPSIS)
            position += 2
        elif letter != " ":
            if letter not in _LETTERS:
                raise RuntimeError(
                    f"einsum(): invalid subscript given at index {start + position} in the equation string, subscripts "
                    "must be in [a-zA-Z]"
                )
            label = _LETTERS[letter]
            if label not in known:
                raise RuntimeError(
                    f"einsum(): output subscript {letter} does not appear in the equation for any input operand"
                )
            if label in labels:
                raise RuntimeError(
                    f"einsum(): output subscript {letter} appears more than once in the output"
                )
            labels.append(label)
        position += 1
    return labels


def _places(equation: str, tensors: Sequence[Any]) -> tuple[list[list[int]], dict[Any, int], int, int, int]:
    """Operand labels; where each label stands in the common order (ELLIPSIS: its first); output rank, rank, ellipsis rank."""
    arrow = equation.find("->")
    inputs = equation if arrow < 0 else equation[:arrow]
    labels = _parse_operands(inputs, len(tensors))
    ellipsis_dims = 0
    for number, (tensor, names) in enumerate(zip(tensors, labels, strict=True)):
        named = len([name for name in names if name != ELLIPSIS])
        if ELLIPSIS in names:
            if tensor.dim() < named:
                raise RuntimeError(
                    f"einsum(): the number of subscripts in the equation ({named}) is more than the number of dimensions "
                    f"({tensor.dim()}) for operand {number}"
                )
            ellipsis_dims = max(ellipsis_dims, tensor.dim() - named)
        elif named != tensor.dim():
            raise RuntimeError(
                f"einsum(): the number of subscripts in the equation ({named}) does not match the number of dimensions "
                f"({tensor.dim()}) for operand {number} and no ellipsis was given"
            )
    counts: dict[int, int] = {}
    for names in labels:
        for name in names:
            if name != ELLIPSIS:
                counts[name] = counts.get(name, 0) + 1
    if arrow < 0:
        output = [ELLIPSIS, *sorted(name for name, count in counts.items() if count == 1)]
    else:
        output = _parse_output(equation[arrow + 2 :], arrow + 2, set(counts), ellipsis_dims)
    place: dict[Any, int] = {}
    index = 0
    for name in output:
        place[name] = index
        index += ellipsis_dims if name == ELLIPSIS else 1
    out_rank = index
    if ELLIPSIS not in place:
        place[ELLIPSIS] = index
        index += ellipsis_dims
    for name in sorted(counts):
        if name not in place:
            place[name] = index
            index += 1
    return labels, place, out_rank, index, ellipsis_dims


def _aligned(
    tensor: Any, names: list[int], place: dict[Any, int], rank: int, ellipsis_dims: int, number: int
) -> Any:
    """The operand with its dimensions in the common order, diagonals taken, missing ones of size 1."""
    where = [-1] * rank
    original_rank = tensor.dim()
    dimension = 0
    for name in names:
        if name == ELLIPSIS:
            own = original_rank - (len(names) - 1)
            for j in range(ellipsis_dims - own, ellipsis_dims):
                where[place[ELLIPSIS] + j] = dimension
                dimension += 1
        elif where[place[name]] != -1:
            first = where[place[name]]
            one, two = tensor.shape[first], tensor.shape[dimension]
            if one != two:
                raise RuntimeError(
                    f"einsum(): subscript {_NAMES[name]} is repeated for operand {number} but the sizes don't match, "
                    f"{two} != {one}"
                )
            tensor = tensor.diagonal(0, first, dimension).movedim(-1, first)
        else:
            where[place[name]] = dimension
            dimension += 1
    for position in range(rank):
        if where[position] == -1:
            tensor = tensor.unsqueeze(dimension)
            where[position] = dimension
            dimension += 1
    return tensor.permute(where)


@composite("einsum(str equation, Tensor[] tensors, *, int[]? path=None) -> Tensor", function=False, out=False)
def einsum_operator(equation: str, tensors: Sequence[Any], path: Any = None) -> Any:
    """Sums of products by labelled dimensions."""
    if not tensors:
        raise RuntimeError("einsum(): must provide at least one operand")
    labels, place, out_rank, rank, ellipsis_dims = _places(equation, tensors)
    operands = []
    for number, (tensor, names) in enumerate(zip(tensors, labels, strict=True)):
        operands.append(_aligned(tensor, names, place, rank, ellipsis_dims, number))
    sizes = [1] * rank
    counts = [0] * rank
    by_place = {index: name for name, index in place.items() if name != ELLIPSIS}
    for number, operand in enumerate(operands):
        for dimension in range(rank):
            size = operand.shape[dimension]
            if size == 1:
                continue
            counts[dimension] += 1
            if sizes[dimension] not in (1, size):
                raise RuntimeError(
                    f"einsum(): subscript {_NAMES.get(by_place.get(dimension, -9), '...')} has size {size} for operand "
                    f"{number} which does not broadcast with previously seen size {sizes[dimension]}"
                )
            sizes[dimension] = size
    if len(operands) == 1:
        return operands[0].sum(list(range(out_rank, rank))) if rank > out_rank else operands[0]
    result = operands[0]
    for operand in operands[1:]:
        result = _contracted(result, operand, out_rank, rank, counts)
    if rank > out_rank:
        return result.view(list(result.shape[:out_rank]))
    return result


def _contracted(left: Any, right: Any, out_rank: int, rank: int, counts: list[int]) -> Any:
    """One pair, summed over what no later operand needs."""
    shared, of_left, of_right = [], [], []
    for dimension in range(out_rank, rank):
        if left.shape[dimension] != 1 and right.shape[dimension] != 1:
            counts[dimension] -= 1
            if counts[dimension] == 1:
                shared.append(dimension)
                counts[dimension] = 0
        elif counts[dimension] == 1:
            if left.shape[dimension] != 1:
                of_left.append(dimension)
                counts[dimension] = 0
            elif right.shape[dimension] != 1:
                of_right.append(dimension)
                counts[dimension] = 0
    if of_left:
        left = left.sum(of_left, True)
    if of_right:
        right = right.sum(of_right, True)
    return sumproduct_pair(left, right, shared, True)


def equation_of_sublists(args: Sequence[Any]) -> tuple[str, list[Any]]:
    """einsum(a, [0, 1], b, [1, 2], [0, 2]) as an equation and operands."""

    def symbol(label: Any) -> str:
        if label is Ellipsis:
            return "..."
        if 0 <= label < 52:
            return _NAMES[label]
        raise ValueError("einsum(): subscript in subscript list is not within the valid range [0, 52)")

    def text(labels: Any) -> str:
        return "".join(symbol(label) for label in labels)

    equation = ",".join(text(labels) for labels in args[1::2])
    if len(args) % 2 == 1:
        return equation + "->" + text(args[-1]), list(args[:-1:2])
    return equation, list(args[::2])


def equation_first(args: tuple[Any, ...]) -> tuple[Any, ...]:
    """The equation and its operands one by one, in whichever way they are given; raises torch's errors for what is neither."""
    if len(args) < 2:
        raise ValueError(
            "einsum(): must specify the equation string and at least one operand, or at least one operand and its "
            "subscripts list"
        )
    if not isinstance(args[0], str | Tensor):
        wrong_type("einsum", "equation", 1, "str", args[0])
    if isinstance(args[0], str):
        equation, operands = args[0], list(args[1:])
    else:
        equation, operands = equation_of_sublists(args)
    if len(operands) == 1 and isinstance(operands[0], list | tuple):
        return equation_first((equation, *operands[0]))
    return (equation, *operands)


def einsum(*args: Any) -> Any:
    """torch.einsum: an equation and its operands, or operands each followed by a list of labels."""
    equation, *operands = equation_first(args)
    return einsum_operator.kernel(equation, operands)


einsum.handed_on = equation_first  # type: ignore[attr-defined]
FUNCTIONS = {"einsum": einsum}
