"""Conjugated and negated views against PyTorch: what shares memory, what is worked out, what is written where, gradients."""

from __future__ import annotations

import copy
import io
import pickle
from typing import Any

import pytest
import torch

import tinytorch

READ = [
    "c.is_conj()", "n.is_neg()", "c", "n", "c.conj().is_conj()", "c.clone().is_conj()", "c.contiguous().is_conj()", "c[0].is_conj()",
    "c.reshape(2, 1).is_conj()", "c.expand(3, 2).is_conj()", "c.detach().is_conj()", "c.to(torch.complex128).is_conj()",
    "c.to(torch.complex64) is c", "c.real.is_neg()", "c.unsqueeze(0).mH.is_conj()", "x.unsqueeze(0).mH.is_conj()",
    "x._neg_view().conj().imag.is_neg()", "torch.ones(2).conj().is_conj()", "c.resolve_conj().is_conj()", "x.resolve_conj() is x",
    "n.resolve_neg().is_neg()", "c.data_ptr() == x.data_ptr()", "c.storage_offset()", "c.stride()", "c._base is x", "c.tolist()",
    "c[1].item()", "complex(c[0])", "c.numpy(force=True)", "c.numpy()", "n.numpy()", "torch.view_as_real(c)", "c.view(torch.float32)",
    "n.view(torch.int32)", "torch.view_as_real(c.conj())", "c + 1", "c @ c", "c.sum()", "c * n", "n + 1", "n.sum()", "torch.cat([c, x])",
    "c == x", "c.abs()", "c[torch.tensor([1, 0])]", "torch.add(c, x, out=torch.empty(2, dtype=torch.complex64))", "torch.dot(c, c)",
    "torch.einsum('i,i->', c, x)", "torch.fft.fft(c)", "torch.sort(n)", "torch.tensor(n.tolist())", "c.flip(0)", "torch.zeros_like(c).is_conj()",
    "x.conj().conj_physical().is_conj()", "torch.is_conj(c)", "c.unbind()", "torch.linalg.norm(c)", "torch.allclose(c, c)", "f'{c}'",
    "copy.deepcopy(c).is_conj()", "copy.deepcopy(c)", "pickle.loads(pickle.dumps(c)).is_conj()", "pickle.loads(pickle.dumps(n))",
    "stored(c)", "stored(c).is_conj()", "stored(n)",
]  # fmt: skip

WRITTEN = [
    "c[0] = 5 + 5j", "c.mul_(1j)", "c.imag.add_(1)", "n.add_(1)", "c.zero_()", "c.fill_(1j)", "c.copy_(torch.tensor([1 + 1j, 2 + 2j]))",
    "c += 1j", "x += 1j", "c[torch.tensor([0])] = 7j", "c.conj_physical_()", "torch.add(x, 1j, out=c)", "c.unsqueeze_(0)", "n.neg_()",
]  # fmt: skip

GRADIENTS = [
    "a.conj().sum().abs()", "(a.conj().imag * torch.tensor([2.0, 3.0])).sum()", "(a.conj() * a).real.sum()", "(a.conj() ** 2 * a).real.sum()",
    "written(a)", "base_written(a)", "torch.dot(a.conj(), a).abs()", "(torch.tensor([1j, 2.0]).conj() * a).abs().sum()",
]  # fmt: skip


def scope(library: Any) -> dict[str, Any]:
    x = library.tensor([1 + 2j, 3 - 1j])

    def stored(tensor: Any) -> Any:
        file = io.BytesIO()
        library.save(tensor, file)
        file.seek(0)
        return library.load(file)

    def written(a: Any) -> Any:
        b = a * 1
        b.conj().mul_(2j)
        return (b * library.tensor([1.0, 3j])).real.sum()

    def base_written(a: Any) -> Any:
        b = a * 1
        view = b.conj()
        b.mul_(2)
        return (view * library.tensor([1j, 2.0])).real.sum()

    names = {"torch": library, "x": x, "c": x.conj(), "n": x.conj().imag, "pickle": pickle, "copy": copy}
    return {**names, "stored": stored, "written": written, "base_written": base_written}


@pytest.mark.parametrize("text", READ)
def test_reading(text: str) -> None:
    def outcome(library: Any) -> str:
        try:
            return str(eval(text, scope(library)))
        except Exception as error:
            return f"{type(error).__name__}: {error}"

    assert outcome(torch) == outcome(tinytorch)


@pytest.mark.parametrize("text", WRITTEN)
def test_writing(text: str) -> None:
    def outcome(library: Any) -> list[str]:
        names = scope(library)
        exec(text, names)
        return [str(names[name]) for name in "xcn"] + [str(names["c"]._version)]

    assert outcome(torch) == outcome(tinytorch)


@pytest.mark.parametrize("text", GRADIENTS)
def test_gradients(text: str) -> None:
    def outcome(library: Any) -> list[Any]:
        a = library.tensor([1 + 2j, 3 - 1j], requires_grad=True)
        loss = eval(text, {**scope(library), "a": a})
        (grad,) = library.autograd.grad(loss, a, create_graph=True)
        second = library.autograd.grad(grad.abs().sum(), a)[0] if grad.requires_grad else None
        return [grad.tolist(), None if second is None else second.tolist()]

    for expected, found in zip(outcome(torch), outcome(tinytorch), strict=True):
        assert found == (None if expected is None else pytest.approx(expected, rel=1e-5, abs=1e-6))


def test_under_transformations() -> None:
    for library in (torch, tinytorch):
        names = scope(library)
        x, c = names["x"], names["c"]
        assert library.func.vmap(lambda q: q.conj() * 2)(x).tolist() == [2 - 4j, 6 + 2j]
        assert library.func.vmap(lambda q: q * 2)(c).tolist() == [2 - 4j, 6 + 2j]
        assert library.func.grad(lambda q, x=x: (q * x).real.sum())(c).tolist() == [1 - 2j, 3 + 1j]
