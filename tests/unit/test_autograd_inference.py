"""Inference mode: what is made in it, and what may be done with that outside."""

from __future__ import annotations

from typing import Any

import pytest

torch = pytest.importorskip("torch")
import tinytorch

from .journal import same_journals


def inside(T, log):
    x = T.ones(2, requires_grad=True)
    with T.inference_mode():
        y = T.ones(2, requires_grad=True)
        log.note([y.requires_grad, (y * 2).requires_grad, y.is_leaf, y.grad_fn])
        made = {
            "factory": T.ones(2),
            "empty": T.empty(2),
            "product": x * 2,
            "negative": -x,
            "reflected": 1 - x,
            "indexed": x[T.tensor([0])],
            "detached": x.detach(),
            "data": x.data,
            "view": x.view(2),
            "reshaped": x.reshape(2, 1),
            "contiguous": x.contiguous(),
            "view of result": (x * 1).view(2),
        }
        for name, value in made.items():
            log.note([name, value.is_inference(), value.requires_grad, value._is_view()])
        z = T.ones(2)
        z.add_(1)
        z[0] = 5.0
        log.note(z)
        with T.inference_mode(False):
            log.note([T.is_grad_enabled(), (x * 2).requires_grad, T.ones(1).is_inference()])


def outside(T, log):
    x = T.ones(2, requires_grad=True)
    with T.inference_mode():
        i = T.ones(2)
        v = x[:1]
    log.note([i.is_inference(), v.is_inference(), v._base is x, v.requires_grad])
    log.note([i[0].is_inference(), i[0]._base, i.view(1, 2).is_inference(), i.detach().is_inference()])
    log.note([i.clone().is_inference(), str(i + x)])
    log.tries(lambda: str(x.mul(2).copy_(i)))
    log.tries(lambda: i._version)
    log.tries(lambda: i * x)
    log.tries(lambda: i.add_(1))
    log.tries(lambda: i[:1].add_(1))
    log.tries(lambda: i.requires_grad_())
    log.tries(lambda: v.add_(1))


@pytest.mark.parametrize("program", [inside, outside], ids=lambda program: program.__name__)
def test_same_as_torch(program: Any) -> None:
    same_journals(program, torch, tinytorch)
