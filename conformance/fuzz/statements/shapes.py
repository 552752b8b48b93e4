"""Views, indexing, joining and what moves elements."""

from __future__ import annotations

import math

from conformance.fuzz.statements import expression, line
from conformance.fuzz.statements.elementwise import guarded
from conformance.fuzz.world import World


def factors(world: World, name: str) -> tuple[int, ...]:
    """A shape with as many elements as the variable has."""
    left = int(world.value(name).numel())
    shape: list[int] = []
    for _ in range(world.draw.integer(0, 3)):
        divisors = [d for d in range(1, left + 1) if left % d == 0] if 0 < left <= 256 else [max(left, 1)]
        shape.append(world.draw.choice(divisors))
        left //= max(shape[-1], 1)
    return (*shape, left) if left != 1 or not shape else tuple(shape)


@expression(12)
def view(world: World) -> str:
    v = world.tensor()
    d = world.dim(v)
    rank = world.value(v).dim()
    size = world.size(v, d)
    kind = world.draw.integer(0, 19)
    if kind == 0:
        return f"{v}.{world.draw.choice(('view', 'reshape'))}({shape_text(world, factors(world, v))})"
    if kind == 1:
        order = list(range(rank))
        for i in range(rank - 1, 0, -1):
            j = world.draw.integer(0, i)
            order[i], order[j] = order[j], order[i]
        return f"{v}.permute({', '.join(map(str, order))})" if order else f"{v}.permute(())"
    if kind == 2:
        return f"{v}.transpose({d}, {world.dim(v)})"
    if kind == 3:
        return (
            world.draw.choice((f"{v}.t()", f"{v}.T", f"{v}.mT", f"{v}.H", f"{v}.mH"))
            if rank == 2 or world.draw.chance(0.2)
            else f"{v}.swapaxes({d}, {world.dim(v)})"
        )
    if kind == 4:
        return f"{v}.unsqueeze({d})"
    if kind == 5:
        return f"{v}.squeeze({world.draw.choice(('', str(d), world.dims(v)))})"
    if kind == 6:
        lead = world.shape(0, 2)
        target = [
            *lead,
            *(
                world.draw.choice((-1, int(s))) if s != 1 else world.draw.integer(1, 3)
                for s in world.value(v).shape
            ),
        ]
        return f"{v}.expand({shape_text(world, tuple(target))})"
    if kind == 7:
        start = world.draw.integer(0, size)
        return f"{v}.narrow({d}, {start}, {world.draw.integer(0, max(0, size - start))})"
    if kind == 8:
        return f"{v}.select({d}, {world.index(size)})"
    if kind == 9:
        return f"{v}.diagonal({world.draw.integer(-1, 1)}, {d}, {world.dim(v)})"
    if kind == 10:
        return f"{v}.unfold({d}, {world.draw.integer(1, max(1, size))}, {world.draw.integer(1, 2)})"
    if kind == 11:
        return f"torch.movedim({v}, {d}, {world.dim(v)})"
    if kind == 12:
        return f"{v}.flatten({world.draw.choice(('', str(d), f'{d}, -1'))})"
    if kind == 13:
        return f"torch.{world.draw.choice(('chunk', 'tensor_split'))}({v}, {world.draw.integer(1, 3)}, {d})"
    if kind == 14:
        return f"{v}.split({world.draw.integer(1, max(1, size))}, {d})"
    if kind == 15:
        return f"{v}.unbind({d})"
    if kind == 16:
        return f"{v}.expand_as({world.tensor()})"
    if kind == 17:
        return f"{v}.as_strided({as_strided(world, v)})"
    if kind == 18:
        return world.draw.choice(
            (
                f"torch.view_as_real({v})",
                f"torch.view_as_complex({v})",
                f"{v}.view({world.dtype()})",
                f"{v}.ravel()",
                f"torch.atleast_2d({v})",
            )
        )
    return f"{v}.unflatten({d}, ({world.draw.choice((-1, 1, 2))}, {world.draw.choice((1, 2, size))}))"


def shape_text(world: World, shape: tuple[int, ...]) -> str:
    values = list(shape)
    if values and world.draw.chance(0.25):
        values[world.draw.integer(0, len(values) - 1)] = -1
    if world.draw.chance(0.06):
        values.append(2)
    return f"({', '.join(map(str, values))}{',' if len(values) == 1 else ''})"


def as_strided(world: World, name: str) -> str:
    numel = int(world.value(name).numel())
    rows, columns = world.draw.integer(1, 3), world.draw.integer(1, 3)
    steps = world.draw.integer(0, 3), world.draw.integer(0, 2)
    room = max(0, numel - 1 - (rows - 1) * steps[0] - (columns - 1) * steps[1])
    return f"({rows}, {columns}), ({steps[0]}, {steps[1]}), {world.draw.integer(0, room)}"


@expression(4)
def part(world: World) -> str:
    """An element of a tuple that an earlier statement gave."""
    found = [
        name
        for name in world.of_letter("v")
        if isinstance(world.value(name), (tuple, list)) and len(world.value(name))
    ]
    if not found:
        return view(world)
    name = world.draw.choice(found)
    return f"{name}[{world.index(len(world.value(name)))}]"


@expression(6)
def moved(world: World) -> str:
    v = world.tensor()
    d = world.dim(v)
    kind = world.draw.integer(0, 11)
    if kind == 0:
        return f"{v}.flip({world.dims(v)})"
    if kind == 1:
        return f"torch.roll({v}, {world.draw.integer(-3, 3)}, {d})"
    if kind == 2:
        return f"torch.rot90({v}, {world.draw.integer(-1, 4)}, ({d}, {world.dim(v)}))"
    if kind == 3:
        return f"{v}.repeat({shape_text(world, tuple(world.draw.integer(0, 2) for _ in range(world.value(v).dim())) or (2,))})"
    if kind == 4:
        return f"torch.tile({v}, {shape_text(world, world.shape(1, 3))})"
    if kind == 5:
        return f"{v}.repeat_interleave({world.draw.integer(0, 3)}, {d})"
    if kind == 6:
        return f"torch.{world.draw.choice(('tril', 'triu', 'diag', 'diag_embed', 'fliplr', 'flipud', 'trace'))}({v})"
    if kind == 7:
        return f"torch.nn.functional.pad({v}, ({world.draw.integer(-1, 2)}, {world.draw.integer(0, 2)}){world.draw.choice(('', ', value=1.5', ', mode=' + repr('replicate'), ', mode=' + repr('reflect'), ', mode=' + repr('circular')))})"
    if kind == 8:
        return f"torch.sort({v}, {d}, descending={world.flag()}, stable=True)"
    if kind == 9:
        return (
            f"torch.topk({v}, {world.draw.integer(0, max(1, world.size(v, d)))}, {d}, largest={world.flag()})"
        )
    if kind == 10:
        return f"torch.argsort({v}, {d}, stable=True)"
    return f"{v}.clone(memory_format=torch.{world.draw.choice(('contiguous_format', 'preserve_format', 'channels_last'))})"


@expression(6)
def joined(world: World) -> str:
    v = world.tensor()
    kind = world.draw.integer(0, 7)
    if kind <= 1:
        return f"torch.cat([{v}, {world.same_shape(v)}], {world.dim(v)})"
    if kind == 2:
        return f"torch.stack([{v}, {world.same_shape(v)}, {v}], {world.dim(v)})"
    if kind == 3:
        name = world.draw.choice(
            ("hstack", "vstack", "dstack", "column_stack", "block_diag", "broadcast_tensors", "atleast_1d")
        )
        arguments = f"{v}, {world.same_shape(v)}"
        return f"torch.{name}({arguments if name in ('block_diag', 'broadcast_tensors', 'atleast_1d') else f'[{arguments}]'})"
    if kind == 4:
        return f"torch.meshgrid({v}, {world.tensor()}, indexing='{world.draw.choice(('ij', 'xy'))}')"
    if kind == 5:
        return f"torch.broadcast_to({v}, {shape_text(world, (*world.shape(0, 1), *world.value(v).shape))})"
    if kind == 6:
        return f"torch.cat([{v}, {world.tensor()}])"
    return f"torch.cartesian_prod({v}, {world.tensor()})"


def subscript(world: World, name: str) -> str:
    """What stands between the brackets."""
    shape = tuple(world.value(name).shape)
    if world.draw.chance(0.12):
        return world.condition(name)
    items: list[str] = []
    for size in shape[: world.draw.integer(0, len(shape))]:
        kind = world.draw.integer(0, 8)
        if kind <= 2:
            items.append(str(world.index(size)))
        elif kind <= 5:
            items.append(slice_text(world, size))
        elif kind == 6:
            items.append("None")
            items.append(":")
        elif kind == 7:
            items.append(world.indices(world.draw.integer(1, 3), size))
        else:
            items.append(f"[{', '.join(str(world.index(size)) for _ in range(world.draw.integer(1, 2)))}]")
    if world.draw.chance(0.2):
        items.insert(world.draw.integer(0, len(items)), "...")
    if world.draw.chance(0.04):
        items.append(world.draw.choice(("True", "0", "1.5", "None", "'x'")))
    return ", ".join(items) or "..."


def slice_text(world: World, size: int) -> str:
    low = str(world.draw.integer(-size, size)) if world.draw.chance(0.6) else ""
    high = str(world.draw.integer(-size, size)) if world.draw.chance(0.6) else ""
    step = f":{world.draw.integer(1, 3)}" if world.draw.chance(0.3) else ""
    return f"{low}:{high}{step}"


@expression(9)
def indexed(world: World) -> str:
    v = world.tensor()
    return f"{v}[{subscript(world, v)}]"


@line(8)
def assigned(world: World) -> str:
    v = world.tensor()
    value = world.scalar() if world.draw.chance(0.6) else world.tensor()
    if world.draw.chance(0.3):
        return guarded(
            world, v, f"{v}[{subscript(world, v)}] {world.draw.choice(('+=', '*=', '-='))} {value}"
        )
    return guarded(world, v, f"{v}[{subscript(world, v)}] = {value}")


@expression(7)
def gathered(world: World) -> str:
    v = world.tensor()
    d = world.dim(v)
    size, shape = world.size(v, d), tuple(world.value(v).shape)
    count = world.draw.integer(1, 3)
    kind = world.draw.integer(0, 11)
    if kind == 0:
        return f"{v}.index_select({d}, {world.indices(count, size)})"
    if kind == 1:
        return f"torch.gather({v}, {d}, {whole_index(world, shape, size)})"
    if kind == 2:
        return f"{v}.take({world.indices(count, max(1, math.prod(shape)))})"
    if kind == 3:
        return f"{v}.masked_select({world.condition(v)})"
    if kind == 4:
        return f"{v}.masked_fill({world.condition(v)}, {world.scalar()})"
    if kind == 5:
        source = f"torch.ones({shape_of(world, v, d, count)}, dtype={v}.dtype)"
        return f"{v}.{world.draw.choice(('index_add', 'index_copy'))}({d}, {world.indices(count, size)}, {source})"
    if kind == 6:
        return f"{v}.index_fill({d}, {world.indices(count, size)}, {world.scalar()})"
    if kind == 7:
        reduce = world.draw.choice(("", ", reduce='add'", ", reduce='multiply'"))
        return f"{v}.scatter({d}, {whole_index(world, shape, size)}, {world.small() if reduce or world.draw.chance(0.5) else world.same_shape(v)}{reduce})"
    if kind == 8:
        return f"{v}.scatter_add({d}, {whole_index(world, shape, size)}, {world.same_shape(v)})"
    if kind == 9:
        reduce = world.draw.choice(("sum", "prod", "mean", "amax", "amin"))
        return f"{v}.scatter_reduce({d}, {whole_index(world, shape, size)}, {world.same_shape(v)}, '{reduce}', include_self={world.flag()})"
    if kind == 10:
        return f"torch.nonzero({v}{world.draw.choice(('', ', as_tuple=True'))})"
    return f"torch.take_along_dim({v}, {whole_index(world, shape, size)}, {d})"


def whole_index(world: World, shape: tuple[int, ...], size: int) -> str:
    """An index tensor of the shape, with positions along a dimension of so many elements."""
    numel = math.prod(shape)
    if numel > 36:
        return f"torch.zeros({shape}, dtype=torch.int64)"
    flat = ", ".join(str(max(0, world.index(max(size, 1)))) for _ in range(numel))
    return f"torch.tensor([{flat}], dtype=torch.int64).reshape({shape})"


def shape_of(world: World, name: str, dim: int, count: int) -> tuple[int, ...]:
    shape = list(world.value(name).shape)
    if shape and -len(shape) <= dim < len(shape):
        shape[dim] = count
    return tuple(int(size) for size in shape)


@line(4)
def reshaped_in_place(world: World) -> str:
    v = world.tensor()
    return world.draw.choice(
        (
            "{v}.t_()",
            "{v}.squeeze_()",
            "{v}.unsqueeze_({d})",
            "{v}.transpose_({d}, {e})",
            "{v}.resize_({n}, 1)",
            "{v}.swapaxes_({d}, {e})",
        )
    ).format(v=v, d=world.dim(v), e=world.dim(v), n=int(world.value(v).numel()))
