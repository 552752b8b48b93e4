"""Autograd, function transforms, and what Python itself asks of a tensor."""

from __future__ import annotations

from conformance.fuzz.statements import expression, line
from conformance.fuzz.world import World


def recorded(world: World) -> str:
    return world.tensor(lambda t: t.requires_grad)


def leaf(world: World) -> str:
    return world.tensor(lambda t: t.requires_grad and t.is_leaf)


@line(6)
def backward(world: World) -> str:
    v = recorded(world)
    keep = world.draw.choice(("", "", "retain_graph=True"))
    if world.draw.chance(0.3):
        return f"{v}.backward(torch.ones_like({v}){', ' + keep if keep else ''})"
    return f"{v}.{world.draw.choice(('sum', 'mean', 'sum', 'prod'))}().backward({keep})"


@expression(5)
def gradient(world: World) -> str:
    v, x = recorded(world), leaf(world)
    options = world.draw.choice(
        (
            "",
            "",
            ", create_graph=True",
            ", allow_unused=True",
            ", retain_graph=True",
            ", materialize_grads=True",
        )
    )
    if world.draw.chance(0.3):
        return f"torch.autograd.grad({v}, {x}, torch.full_like({v}, 0.5){options})[0]"
    return f"torch.autograd.grad({v}.{world.draw.choice(('sum', 'mean', 'sum', 'amax'))}(), {x}{options})[0]"


@line(4)
def switched(world: World) -> str:
    v = world.tensor()
    return world.draw.choice(
        (
            "{v}.requires_grad_()",
            "{v}.requires_grad_(False)",
            "{v}.detach_()",
            "{v}.retain_grad()",
            "{v}.grad = None",
            "{v}.requires_grad = True",
            "{v}.grad = torch.ones_like({v})",
            "{v}.register_hook(lambda grad: grad * 2)",
            "{v}.register_hook(lambda grad: None)",
            "with torch.no_grad(): {v}.sub_(0.5)",
            "{v}.data = {w}.detach().clone()",
            "{v}.set_({w})",
        )
    ).format(v=v, w=world.tensor())


@expression(4)
def under_a_mode(world: World) -> str:
    v = world.tensor()
    return world.draw.choice(
        (
            "torch.no_grad()(lambda: {v} * 2)()",
            "torch.enable_grad()(lambda: {v} * 2)()",
            "torch.inference_mode()(lambda: {v} + 1)()",
            "{v}.detach()",
            "{v}.detach().requires_grad_()",
            "{v}.clone().detach()",
            "torch.utils.checkpoint.checkpoint(lambda x: x.sin() * x, {v}, use_reentrant=False)",
            "{v}.data",
            "{v}.grad",
        )
    ).format(v=v)


@expression(3)
def transformed(world: World) -> str:
    v, w = world.floating(), world.floating()
    return world.draw.choice(
        (
            "torch.func.grad(lambda x: (x.sin() * x).sum())({v})",
            "torch.func.vmap(lambda x: x * 2 + 1)({v})",
            "torch.func.vmap(lambda x, y: (x * y).sum(), in_dims=(0, None))({v}, {w})",
            "torch.func.jvp(lambda x: x.exp(), ({v},), (torch.ones_like({v}),))",
            "torch.func.vjp(lambda x: x ** 2, {v})[0]",
            "torch.func.jacrev(lambda x: x.cos())({v})",
            "torch.func.jacfwd(lambda x: x * x)({v})",
            "torch.func.hessian(lambda x: (x ** 3).sum())({v})",
            "torch.func.vmap(torch.func.grad(lambda x: (x * x).sum()))({v})",
            "torch.autograd.functional.jacobian(lambda x: x ** 2, {v})",
        )
    ).format(v=v, w=w)


@expression(8)
def asked(world: World) -> str:
    """Plain Python values: their text has to be PyTorch's."""
    v = world.tensor()
    return world.draw.choice(
        (
            "repr({v})",
            "repr({v})",
            "str({v})",
            "{v}.tolist()",
            "{v}.item()",
            "float({v})",
            "int({v})",
            "bool({v})",
            "len({v})",
            "list({v})",
            "{v}.shape",
            "{v}.size({d})",
            "{v}.stride()",
            "{v}.dtype",
            "{v}.numel()",
            "{v}.is_contiguous()",
            "{v}.is_contiguous(memory_format=torch.channels_last)",
            "{v}.storage_offset()",
            "{v}.element_size()",
            "{v}.untyped_storage().nbytes()",
            "{v}.layout",
            "{v}.device",
            "{v}.is_floating_point()",
            "{v}.data_ptr() == {w}.data_ptr()",
            "{v} is {w}",
            "{v}.is_set_to({w})",
            "format({v}, '.3f')",
            "1 in {v}",
            "{v}._is_view()",
            "{v}._base is {w}",
            "{v}.output_nr",
            "torch.result_type({v}, {w})",
            "torch.can_cast({v}.dtype, {w}.dtype)",
            "torch.is_nonzero({v})",
            "[x for x in {v}]",
            "{v}.index_put((torch.tensor([0]),), {w})",
            "{v}.detach().numpy().strides",
            "{v}.names",
            "{v}.nelement()",
            "{v}.ndimension()",
            "torch.typename({v})",
            "{v}.type()",
        )
    ).format(v=v, w=world.tensor(), d=world.dim(v))


@expression(3)
def copied(world: World) -> str:
    v = world.tensor()
    return world.draw.choice(
        (
            "copy.copy({v})",
            "copy.deepcopy({v}.detach())",
            "pickle.loads(pickle.dumps({v}))",
            "torch.from_numpy({v}.detach().numpy())",
            "torch.as_tensor({v})",
            "torch.tensor({v}.tolist())",
            "torch.nn.Parameter({v}.detach())",
            "torch.asarray({v}.detach(), dtype=torch.float64)",
            "torch.frombuffer(bytearray({v}.detach().contiguous().numpy().tobytes()), dtype={v}.dtype)",
        )
    ).format(v=v)


@expression(3)
def branched(world: World) -> str:
    """Control flow on values."""
    v, w = world.tensor(), world.tensor()
    return world.draw.choice(
        (
            "{v} if bool(({v} > 0).any()) else {w}",
            "{v} if {v}.sum() > {w}.sum() else {w}",
            "max({v}.flatten(), key=abs)",
            "sum({v})",
            "sorted({v}.flatten().tolist(), key=repr)",
            "torch.stack([x * 2 for x in {v}])",
            "[i for i, x in enumerate({v}.flatten()) if x > 0]",
            "torch.stack(sorted({v}.unbind(), key=lambda x: float(x.sum())))",
        )
    ).format(v=v, w=w)


@line(2)
def looped(world: World) -> str:
    v = world.tensor()
    return world.draw.choice(
        (
            "for x in {v}: x.add_(1)",
            "for x in {v}.detach().unbind(): x.mul_(2)",
            "if bool(({v} > 0).all()): {v}.neg_()",
            "for i in range(2): {v}.mul_({w})",
            "del {v}",
        )
    ).format(v=v, w=world.like(v))
