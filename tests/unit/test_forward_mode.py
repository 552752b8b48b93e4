"""Forward mode against torch: tangents, errors and printing of dual tensors."""

from __future__ import annotations

import importlib
from types import ModuleType
from typing import Any

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
