"""Steps of optimizers over many arrays at once.

Parameters come as parallel lists of contiguous arrays of one type: the parameters, their gradients, their running means. A step is
written once, as a function of blocks that stay in the cache; `in_blocks` cuts large arrays into such blocks and packs
small ones into a common block, so that a hundred small parameters cost little more than one.
"""

from __future__ import annotations

import itertools
import math
import threading
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from tinytorch._kernels.multiply_add import add_scaled, add_scaled_each

#: Elements of a block: seven blocks of float32 fit a second-level cache.
BLOCK = 32768
#: Arrays up to this size are packed; copying larger ones costs more than calling the ufuncs of a step once more.
PACKED = 4096
#: Blocks there are: the lists of the longest step, and two to work in.
ROWS = 7

Arrays = Sequence[np.ndarray]
#: step(*blocks, scratch, change): overwrites its blocks, and returns what is to be added to the parameters, often in `change`.
Step = Callable[..., np.ndarray]


class _Working(threading.local):
    """Blocks of working memory, and views of them in the shapes that were asked for."""

    def __init__(self) -> None:
        self.rows: dict[int, np.ndarray] = {}
        self.single: dict[tuple[int, tuple[int, ...]], tuple[np.ndarray, np.ndarray]] = {}
        self.plans: dict[Any, Plan] = {}

    def _rows(self, element_type: np.dtype[Any]) -> np.ndarray:
        rows = self.rows.get(element_type.num)
        if rows is None:
            rows = self.rows[element_type.num] = np.empty((ROWS, BLOCK), element_type)
        return rows

    def pair(self, element_type: np.dtype[Any], shape: tuple[int, ...]) -> tuple[np.ndarray, np.ndarray]:
        """Two arrays of that shape to work in."""
        found = self.single.get((element_type.num, shape))
        if found is None:
            if len(self.single) >= 1024:
                self.single.clear()
            rows, size = self._rows(element_type), math.prod(shape)
            found = rows[-2, :size].reshape(shape), rows[-1, :size].reshape(shape)
            self.single[element_type.num, shape] = found
        return found

    def plan(self, element_type: np.dtype[Any], shapes: list[tuple[int, ...]], alone: set[int]) -> Plan:
        """What to pack and what not, `alone` in any case, for arrays of these shapes."""
        key = (element_type.num, tuple(shapes), tuple(alone))
        found = self.plans.get(key)
        if found is None:
            if len(self.plans) >= 64:
                self.plans.clear()
            found = self.plans[key] = Plan(self._rows(element_type), shapes, alone)
        return found


class Plan:
    """packs: (places, rows (ROWS, elements), per row a view of each shape). single: the places that are not packed."""

    def __init__(self, rows: np.ndarray, shapes: list[tuple[int, ...]], alone: set[int]) -> None:
        sizes = [math.prod(shape) for shape in shapes]
        runs: list[list[int]] = []
        room = 0
        for place, size in enumerate(sizes):
            if size > PACKED or place in alone:
                continue
            if size > room or not runs:
                runs.append([])
                room = BLOCK
            runs[-1].append(place)
            room -= size
        self.packs = [(run, *self._views(rows, [shapes[place] for place in run])) for run in runs]
        packed = {place for run in runs for place in run}
        self.single = [place for place in range(len(shapes)) if place not in packed]

    @staticmethod
    def _views(rows: np.ndarray, shapes: list[tuple[int, ...]]) -> tuple[np.ndarray, list[list[np.ndarray]]]:
        starts = list(itertools.accumulate([math.prod(shape) for shape in shapes], initial=0))
        views = [
            [row[a:b].reshape(shape) for a, b, shape in zip(starts, starts[1:], shapes, strict=False)]
            for row in rows
        ]
        return rows[:, : starts[-1]], views


_working = _Working()


def in_blocks(
    step: Step,
    params: Arrays,
    lists: Sequence[Arrays],
    written: Sequence[int],
    reads: bool,
    rate: float = 1,
) -> None:
    """Run a step on blocks that cover all arrays.

    params: what the steps change. lists: gradients, running means ..., parallel to `params`, of the same type and place by place of
    the same shape. written: which of the lists the step overwrites. reads: the step's first block is the parameters themselves; if
    not, it is called without. rate: what the step gives is added to the parameters times this. What is written is contiguous, and of one list no two arrays share memory unless they are views.
    """
    everything = (params, *lists) if reads else lists
    # views may share memory with one another: they take their turns, as they would one by one
    alone: set[int] = set()
    for arrays in (params, *[lists[which] for which in written]):
        views = [array.base is not None for array in arrays]
        if True in views:
            alone.update([place for place, view in enumerate(views) if view])
    plan = _working.plan(params[0].dtype, [param.shape for param in params], alone)
    for places, rows, views in plan.packs:
        _packed(step, params, everything, places, rows, views, written, reads, rate)
    for place in plan.single:
        param = params[place]
        arrays = [items[place] for items in everything]
        size = param.size
        if size <= BLOCK:
            scratch, change = _working.pair(param.dtype, param.shape)
            add_scaled(param, step(*arrays, scratch, change), rate)
            continue
        flat, target = [array.reshape(-1) for array in arrays], param.reshape(-1)
        for start in range(0, size, BLOCK):
            stop = min(start + BLOCK, size)
            scratch, change = _working.pair(param.dtype, (stop - start,))
            change = step(*[array[start:stop] for array in flat], scratch, change)
            add_scaled(target[start:stop], change, rate)


def _packed(
    step: Step, params: Arrays, lists: Sequence[Arrays], places: list[int], rows: np.ndarray, views: list[list[np.ndarray]],
    written: Sequence[int], reads: bool, rate: float,
) -> None:  # fmt: skip
    if len(places) != len(params):
        params, lists = [params[p] for p in places], [[arrays[p] for p in places] for arrays in lists]
    for arrays, row in zip(lists, rows, strict=False):
        np.concatenate(arrays, axis=None, out=row)
    change = step(*rows[: len(lists)], rows[-2], rows[-1])
    for which in written:
        place = which + reads
        for array, view in zip(lists[place], views[place], strict=True):
            array[...] = view
    if reads:
        add_scaled(rows[0], change, rate)
        for array, view in zip(params, views[0], strict=True):
            array[...] = view
    else:
        if change is not rows[-1]:
            np.copyto(rows[-1], change)
        add_scaled_each(params, views[-1], rate)


def _placed(blocks: tuple[Any, ...], reads: bool, last: bool) -> tuple[Any, ...]:
    """`blocks` with None for the parameters if they are not read, and for the last list if there is none."""
    if not reads:
        blocks = (None, *blocks)
    return blocks if last else (*blocks[:-2], None, *blocks[-2:])


def _numbers(like: np.ndarray, *values: float) -> list[np.ndarray]:
    """Python numbers as 0-dim arrays, which ufuncs take faster."""
    return [np.array(value, like.dtype) for value in values]


def adam(
    params: Arrays,
    grads: Arrays,
    means: Arrays,
    squares: Arrays,
    largest: Arrays = (),
    *,
    step: float,
    lr: float,
    beta1: float,
    beta2: float,
    weight_decay: float,
    eps: float,
    maximize: bool,
    decoupled: bool,
) -> None:
    """Step number `step` of Adam, in place. `largest`: running maxima of the squares, empty without amsgrad.

    Source: Kingma and Ba 2014, algorithm 1; decoupled: Loshchilov and Hutter 2017; largest: Reddi et al. 2018.
    """
    root = (1 - beta2**step) ** 0.5
    # m / (sqrt(v) / root + eps), with one division less
    size, tiny = _numbers(params[0], -(lr / (1 - beta1**step)) * root, eps * root)
    near = 1 - beta1 < 0.5  # lerp's two forms: each is exact at its own end
    towards, kept, fresh = _numbers(params[0], 1 - beta1 if near else beta1, beta2, 1 - beta2)
    shrink, decay = _numbers(params[0], 1 - lr * weight_decay, weight_decay)

    reads = weight_decay != 0

    def update(*blocks: Any) -> np.ndarray:
        p, g, m, v, top, s, t = _placed(blocks, reads, bool(largest))
        if maximize:
            g = np.negative(g, t)
        if weight_decay and not decoupled:
            np.multiply(p, decay, s)
            g = np.add(g, s, t)
        elif weight_decay:
            np.multiply(p, shrink, p)
        np.subtract(g, m, s)
        if near:
            np.multiply(s, towards, s)
            np.add(m, s, m)
        else:
            np.multiply(s, towards, s)
            np.subtract(g, s, m)
        np.multiply(v, kept, v)
        np.multiply(g, fresh, s)
        np.multiply(s, g, s)
        np.add(v, s, v)
        if top is not None:
            np.maximum(top, v, out=top)
        np.sqrt(v if top is None else top, s)
        np.add(s, tiny, s)
        np.multiply(m, size, t)
        return np.divide(t, s, t)

    lists = (grads, means, squares, largest) if largest else (grads, means, squares)
    in_blocks(update, params, lists, (1, 2, 3) if largest else (1, 2), reads)


def sgd(
    params: Arrays,
    grads: Arrays,
    buffers: Arrays = (),
    *,
    lr: float,
    weight_decay: float,
    momentum: float,
    dampening: float,
    nesterov: bool,
    maximize: bool,
    first: bool,
) -> None:
    """One step of gradient descent, in place. `buffers`: with momentum; `first`: they hold nothing yet.

    Source: Sutskever et al. 2013, "On the importance of initialization and momentum in deep learning".
    """
    if not (weight_decay or buffers):
        add_scaled_each(params, grads, lr if maximize else -lr)
        return
    (carried,) = _numbers(params[0], momentum)

    reads = weight_decay != 0

    def update(*blocks: Any) -> np.ndarray:
        p, g, buffer, _, t = _placed(blocks, reads, bool(buffers))
        if maximize:
            g = np.negative(g, t)
        if weight_decay:
            if g is not t:
                np.copyto(t, g)
            g = add_scaled(t, p, weight_decay)
        if buffer is not None:
            if first:
                buffer[...] = g
            else:
                np.multiply(buffer, carried, buffer)
                add_scaled(buffer, g, 1 - dampening)
            if not nesterov:
                return buffer
            if g is not t:
                np.copyto(t, g)
            g = add_scaled(t, buffer, momentum)
        return g

    in_blocks(update, params, (grads, buffers) if buffers else (grads,), (1,) if buffers else (), reads, -lr)


def adagrad(
    params: Arrays,
    grads: Arrays,
    sums: Arrays,
    *,
    step: float,
    lr: float,
    lr_decay: float,
    weight_decay: float,
    eps: float,
    maximize: bool,
) -> None:
    """Step number `step` of Adagrad, in place. Source: Duchi, Hazan and Singer 2011."""
    rate, decay, tiny = _numbers(params[0], -(lr / (1 + (step - 1) * lr_decay)), weight_decay, eps)

    reads = weight_decay != 0

    def update(*blocks: Any) -> np.ndarray:
        p, g, total, s, t = _placed(blocks, reads, True)
        if maximize:
            g = np.negative(g, t)
        if weight_decay:
            np.multiply(p, decay, s)
            g = np.add(g, s, t)
        np.multiply(g, g, s)
        np.add(total, s, total)
        np.sqrt(total, s)
        np.add(s, tiny, s)
        np.multiply(g, rate, t)
        return np.divide(t, s, t)

    in_blocks(update, params, (grads, sums), (1,), reads)
