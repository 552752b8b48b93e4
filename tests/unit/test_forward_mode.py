"""Forward mode against torch: tangents, errors and printing of dual tensors."""

from __future__ import annotations

import importlib
import warnings
from types import ModuleType
from typing import Any

import numpy as np
import pytest

import tinytorch

torch = pytest.importorskip("torch")

#: Programs on d = make_dual(x, t), dr the same with x requiring grad, dc complex.
PROGRAMS = {
    "print": "repr(d)",
    "sin": "d.sin()",
    "requires grad": "dr",
    "detach": "fw.unpack_dual(d.detach())",
    "data": "fw.unpack_dual(d.data)",
    "unpack": "fw.unpack_dual(d)",
    "numpy": "d.numpy()",
    "item": "d[0].item()",
    "integers": "(d > 1, d.argmax(), d.long(), d.round())",
    "mixed": "(d + 1, 2 / d, d**2, d**d, torch.where(d > 1, d, 0.0), d.clamp(1.5), d.double(), d * torch.ones(3).double())",
    "products": "(torch.outer(d, d) @ d, torch.dot(d, x), torch.stack([d, x]), torch.cat([x, d * 2]))",
    "reductions": "(d.softmax(0), d.max(0), d.sort(descending=True), d.cumsum(0), d.prod(), d.var(), d.logsumexp(0))",
    "complex": "(dc * dc, dc.abs(), dc.conj(), dc.real, dc.exp(), dc.sum(), torch.view_as_real(dc), dc * 2.0, dc.tanh())",
    "views": "(d[1:], d.view(3, 1), d.expand(2, 3), d.unsqueeze(0).t(), d.unbind()[1])",
    "convolution": "torch.nn.functional.conv1d(d.view(1, 1, 3), fw.make_dual(torch.tensor([[[1.0, 2.0]]]), torch.tensor([[[0.5, 0.1]]])))",
    "in place": "(lambda z: (z.add_(d), z)[1])(torch.zeros(3))",
    "in place twice": "(lambda z: (z.add_(d), z.mul_(d), z.exp_(), z)[3])(torch.zeros(3))",
    "assignment": "(lambda z: (z.__setitem__(1, d[0]), z)[1])(torch.zeros(3))",
    "through a view": "(lambda z: (z[1:].add_(d[1:]), z)[1])(torch.zeros(3))",
    "through a view twice": "(lambda z: (lambda v: (v.add_(d[1:]), v.mul_(2), z, v))(z[1:]))(torch.zeros(3))",
    "fill": "torch.zeros(2).fill_(d[1])",
    "overwritten": "(lambda z: (z.zero_(), z)[1])(d.clone())",
    "no grad": "(lambda g: (g.__enter__(), d.sin(), g.__exit__(None, None, None))[1])(torch.no_grad())",
    "backward": "torch.autograd.grad(dr.sin().sum(), xr)",
    "backward to the dual": "torch.autograd.grad((dr.sin() * dr).sum(), dr)",
    "leaf": "(d.is_leaf, dr.is_leaf, d._is_view(), d._base is x)",
    "nested": "fw.enter_dual_level()",
    "integer primal": "fw.make_dual(torch.tensor([1, 2]), t)",
    "integer tangent": "fw.make_dual(x, torch.ones(3).long())",
    "shape": "fw.make_dual(x, torch.ones(2))",
    "twice": "fw.make_dual(d, t)",
    "out": "torch.sin(d, out=torch.zeros(3))",
    "plain": "fw.unpack_dual(x)",
    "draws": "[fw.unpack_dual(torch.manual_seed(0) and f(d / 4)) for f in (torch.bernoulli, lambda p: p.bernoulli(), lambda p: torch.bernoulli(input=p))]",
    "sums into places": "fw.unpack_dual(d.scatter_reduce(0, torch.tensor([0, 0, 1]), d, 'sum'))",
    "products into places": "fw.unpack_dual(d.scatter_reduce(0, torch.tensor([0, 0, 1]), d, 'prod'))",
    "switched off": "(lambda g: (g.__enter__(), d.sin(), fw.unpack_dual(d), g.__exit__(None, None, None))[1:3])(fw._set_fwd_grad_enabled(False))",
}


def scope_of(library: ModuleType) -> dict[str, Any]:
    fw = importlib.import_module(f"{library.__name__}.autograd.forward_ad")
    x, t = library.tensor([1.0, 2.0, 3.0]), library.tensor([0.1, 0.2, 0.3])
    xr = x.clone().requires_grad_()
    c = library.tensor([1 + 2j, 3 - 1j])
    return {"torch": library, "fw": fw, "x": x, "t": t, "xr": xr, "c": c}


def outcome(library: ModuleType, program: str) -> str:
    scope = scope_of(library)
    fw = scope["fw"]
    with fw.dual_level():
        scope["d"] = fw.make_dual(scope["x"], scope["t"])
        scope["dr"] = fw.make_dual(scope["xr"], scope["t"])
        scope["dc"] = fw.make_dual(scope["c"], scope["torch"].tensor([0.1 + 0.2j, 0.3j]))
        try:
            return str(eval(program, scope))
        except Exception as error:
            return f"{type(error).__name__}: {error}"


@pytest.mark.parametrize("name", PROGRAMS)
def test_program(name: str) -> None:
    assert outcome(tinytorch, PROGRAMS[name]) == outcome(torch, PROGRAMS[name])


def test_tangents_end_with_their_level() -> None:
    for library in (torch, tinytorch):
        scope = scope_of(library)
        fw = scope["fw"]
        with fw.dual_level() as level:
            dual = fw.make_dual(scope["x"], scope["t"])
        assert level == 0
        assert "tangent" not in repr(dual) and "tangent" not in repr(dual.sin())
        assert fw.unpack_dual(dual).tangent is None
        with pytest.raises(RuntimeError, match="no level exists"):
            fw.make_dual(scope["x"], scope["t"])
        with pytest.raises(RuntimeError, match="Dual level must be a positive number"):
            fw.exit_dual_level()


def test_tangents_have_history() -> None:
    """Reverse over forward: d/dx of the tangent of x exp(x)."""
    seen = []
    for library in (torch, tinytorch):
        scope = scope_of(library)
        fw = scope["fw"]
        with fw.dual_level():
            dual = fw.make_dual(scope["xr"], scope["t"])
            (second,) = library.autograd.grad(fw.unpack_dual(dual.exp() * dual).tangent.sum(), scope["xr"])
        seen.append([round(value, 4) for value in fw.unpack_dual(second).primal.tolist()])
    assert seen[0] == seen[1]


def test_reading_memory_does_not_lose_a_tangent() -> None:
    from tinytorch.autograd import forward_ad

    x = tinytorch.ones(3)
    with forward_ad.dual_level():
        dual = forward_ad.make_dual(x, x)
        with pytest.raises(NotImplementedError, match="reads the elements"):
            dual._array.reshape(3, 1)


def kept_gradients(library: Any) -> list[Any]:
    """Which gradients have a tangent: a gradient that nobody else holds is kept detached, any other is copied."""
    fw = importlib.import_module(f"{library.__name__}.autograd.forward_ad")
    library.manual_seed(0)
    found: list[Any] = []

    def leaf(*shape: int) -> Any:
        made = library.nn.Parameter(library.randn(*shape))
        with library.no_grad():
            made.copy_(fw.make_dual(library.randn(*shape), library.randn(*shape)))
        return made

    def tangent(value: Any) -> Any:
        held = fw.unpack_dual(value).tangent
        return None if held is None else held.tolist()

    with fw.dual_level():
        x = leaf(3, 4)
        ones = library.ones(3, 4)
        (x * x).backward(ones)
        found.append(tangent(x.grad))
        before = x.grad
        (x * x).backward(ones)  # added to in place
        found += [tangent(x.grad), x.grad is before]
        for program in (
            lambda v: (v * v).t(),  # lies in memory in another way than the leaf
            lambda v: v.exp().sum(),
            lambda v: v.view(12) * v.detach().view(12),
        ):
            x.grad = None
            out = program(x)
            out.backward(library.ones_like(out))
            found.append(tangent(x.grad))
        for held in ([], [None]):  # a hook that keeps the gradient, and one that does not
            x.grad = None
            handle = x.register_hook(lambda grad, held=held: held.append(grad) if held else None)
            (x * x).backward(ones)
            found.append(tangent(x.grad))
            handle.remove()
        x.grad = None
        (x * x).sum().backward(create_graph=True)
        found.append(tangent(x.grad))
    return found


def test_only_gradients_that_are_copied_have_tangents() -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        own, torchs = kept_gradients(tinytorch), kept_gradients(torch)
    assert [value is None for value in own] == [value is None for value in torchs]
    for mine, theirs in zip(own, torchs, strict=True):
        assert mine == theirs if mine is None or isinstance(mine, bool) else np.allclose(mine, theirs)


@pytest.mark.parametrize("which", ["input", "weight", "cotangent"])
@pytest.mark.parametrize("norm", ["batch", "batch in evaluation", "layer", "instance", "group"])
def test_tangents_through_the_backward_pass_of_normalisations(norm: str, which: str) -> None:
    def run(library: Any) -> Any:
        fw = importlib.import_module(f"{library.__name__}.autograd.forward_ad")
        functional = library.nn.functional
        library.manual_seed(0)
        values = {
            "input": library.randn(3, 4, 5, dtype=library.float64),
            "weight": library.randn(4, dtype=library.float64),
            "cotangent": library.randn(3, 4, 5, dtype=library.float64),
        }
        mean, variance = (library.rand(4, dtype=library.float64) for _ in range(2))
        with fw.dual_level():
            values[which] = fw.make_dual(values[which], values[which].flip(0))
            x, w = values["input"].requires_grad_(), values["weight"].requires_grad_()
            try:
                out = {
                    "batch": lambda: functional.batch_norm(x, None, None, w, training=True),
                    "batch in evaluation": lambda: functional.batch_norm(x, mean, variance, w),
                    "layer": lambda: functional.layer_norm(x.transpose(1, 2), [4], w).transpose(1, 2),
                    "instance": lambda: functional.instance_norm(x, weight=w),
                    "group": lambda: functional.group_norm(x, 2, w),
                }[norm]()
                grads = library.autograd.grad(out, (x, w), values["cotangent"])
            except NotImplementedError as error:
                return str(error)
            tangents = [fw.unpack_dual(grad).tangent for grad in grads]
            return [None if tangent is None else tangent.numpy() for tangent in tangents]

    own, torchs = run(tinytorch), run(torch)
    assert isinstance(own, str) == isinstance(torchs, str)
    if isinstance(own, str):
        assert own == torchs
        return
    for mine, theirs in zip(own, torchs, strict=True):
        assert (mine is None) == (theirs is None)
        assert mine is None or np.allclose(mine, theirs, rtol=1e-9, atol=1e-12)


#: Programs on operators whose derivatives torch does not have: what forward mode says, and what the second derivative says.
UNDERIVABLE = {
    "cdist": (lambda t, x: t.cdist(x, x.detach()), (3, 4)),
    "pdist": (lambda t, x: t.nn.functional.pdist(x), (3, 4)),
    "ctc": (lambda t, x: t.nn.functional.ctc_loss(x.log_softmax(-1), t.tensor([[1, 2]]), [5], [2]), (5, 1, 4)),
    "bags": (lambda t, x: t.nn.functional.embedding_bag(t.tensor([[1, 2]]), x), (5, 4)),
    "attention": (lambda t, x: t.nn.functional.scaled_dot_product_attention(x, x, x), (1, 2, 3, 4)),
    "margin": (lambda t, x: t.nn.functional.multi_margin_loss(x, t.tensor([1, 2])), (2, 4)),
    "heaviside": (lambda t, x: t.heaviside(x, t.ones(3)), (3,)),
    "chunks": (lambda t, x: t._chunk_cat([x, x], 0, 2), (3, 2)),
    "lstm": (lambda t, x: t.nn.LSTM(3, 2)(x)[0], (2, 1, 3)),
}  # fmt: skip


@pytest.mark.parametrize("name", list(UNDERIVABLE))
def test_what_torch_has_no_derivative_of_says_so_in_its_words(name: str) -> None:
    program, shape = UNDERIVABLE[name]

    def said(library: Any) -> list[Any]:
        fw = importlib.import_module(f"{library.__name__}.autograd.forward_ad")
        found: list[Any] = []
        library.manual_seed(0)
        x = library.randn(*shape)
        with fw.dual_level():
            try:
                program(library, fw.make_dual(x, library.ones_like(x)))
                found.append("a tangent")
            except Exception as error:
                found.append((type(error).__name__, str(error)))
        x = x.requires_grad_()
        try:
            (first,) = library.autograd.grad(program(library, x).sum(), x, create_graph=True)
            found.append(first.requires_grad)
            library.autograd.grad(first.sum(), x)
        except Exception as error:
            found.append((type(error).__name__, str(error)))
        return found

    assert said(tinytorch) == said(torch)
