"""Gradients that are sparse: of embeddings, bags and gather; how they add up; and the optimizers that take them."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from typing import Any

import pytest

torch = pytest.importorskip("torch")

from journal import Journal, same_journals

import tinytorch

PLACES = [[1, 2, 1], [4, 1, 0]]


def parts(gradient: Any) -> Any:
    """What a gradient is made of."""
    if gradient is None or not gradient.is_sparse:
        return gradient
    return [
        gradient.is_coalesced(), gradient._indices(), gradient._values(), tuple(gradient.shape), gradient.requires_grad,
        repr(gradient),
    ]  # fmt: skip


def _embedding(t: Any, journal: Journal) -> None:
    functional, places = t.nn.functional, t.tensor(PLACES)

    def gradient(build: Callable[[Any], Any], **options: Any) -> Any:
        table = t.nn.Embedding(5, 2, sparse=True, **options)
        table.weight.data.copy_(t.arange(10.0).view(5, 2))
        for loss in build(table):
            loss.backward()
        return parts(table.weight.grad)

    weights = t.arange(12.0).view(2, 3, 2)
    for options in ({}, {"padding_idx": 1}, {"scale_grad_by_freq": True}):
        journal.tries(lambda: gradient(lambda e: [(e(places) * weights).sum()], **options))
    journal.note(gradient(lambda e: [(e(places) * weights).sum(), (e(places) * 2).sum()]))
    journal.note(gradient(lambda e: [e(places).sum() + e(places[0]).sum()]))
    journal.note(gradient(lambda e: [e(places).sum(), e(places[0]).sum()]))
    journal.note(gradient(lambda e: [(e(places) * weights).sum() + (e(places[0]) * weights[0]).sum()]))
    journal.note(gradient(lambda e: [e(places).sum() + (e.weight * 3).sum()]))
    journal.note(gradient(lambda e: [(e.weight * 3).sum() + e(places).sum()]))
    journal.note(gradient(lambda e: [(e.weight * 3).sum(), e(places).sum()]))
    journal.note(gradient(lambda e: [e(places).sum(), (e.weight * 3).sum()]))
    weight = t.ones(5, 2, requires_grad=True)
    journal.note(parts(t.autograd.grad(functional.embedding(places, weight, sparse=True).sum(), weight)[0]))
    for made in (lambda w: w * 2, lambda w: w + 1, lambda w: w.t().contiguous().t()):
        journal.tries(lambda: functional.embedding(places, made(weight), sparse=True).sum().backward())
        journal.note(parts(weight.grad))
    weight.grad.zero_()
    journal.note(parts(weight.grad))
    seen: list[Any] = []
    leaf = t.ones(5, 2, requires_grad=True)
    leaf.register_hook(lambda g: seen.append(g.is_sparse))
    leaf.register_hook(lambda g: g * 2)
    leaf.register_post_accumulate_grad_hook(lambda p: seen.append(p.grad.is_sparse))
    functional.embedding(places, leaf, sparse=True).sum().backward()
    journal.note([seen, parts(leaf.grad)])
    leaf.grad = t.sparse_coo_tensor(t.tensor([[1]]), t.ones(1, 2), (5, 2))
    journal.note(parts(leaf.grad))
    journal.tries(lambda: setattr(leaf, "grad", t.sparse_coo_tensor(t.tensor([[1]]), t.ones(1, 2), (4, 2))))
    layer = t.nn.Embedding.from_pretrained(t.ones(3, 2), freeze=False, sparse=True)
    layer(t.tensor([1])).sum().backward()
    layer.zero_grad(set_to_none=False)
    journal.note(parts(layer.weight.grad))


def _bags(t: Any, journal: Journal) -> None:
    places = t.tensor(PLACES)
    for mode in ("sum", "mean", "max"):
        for options in ({}, {"padding_idx": 1}, {"scale_grad_by_freq": True}):

            def run() -> Any:
                bag = t.nn.EmbeddingBag(5, 2, mode=mode, sparse=True, **options)
                bag(places).sum().backward()
                return parts(bag.weight.grad)

            journal.tries(run)
    bag = t.nn.EmbeddingBag(5, 2, mode="sum", sparse=True)
    weights = t.arange(6.0).view(2, 3).requires_grad_()
    bag.weight.data.fill_(2.0)
    bag(places, per_sample_weights=weights).sum().backward()
    journal.note([parts(bag.weight.grad), weights.grad])
    bag = t.nn.EmbeddingBag(5, 2, mode="mean", sparse=True, include_last_offset=True)
    bag(places.view(-1), t.tensor([0, 2, 6])).sum().backward()
    journal.note(parts(bag.weight.grad))


def _gather(t: Any, journal: Journal) -> None:
    x = t.arange(6.0).view(2, 3).requires_grad_()
    factors = t.tensor([[1.0, 2.0], [3.0, 4.0]])
    for dim, index in ((1, [[0, 2], [1, 1]]), (0, [[0, 1], [1, 1]])):
        x.grad = None
        (t.gather(x, dim, t.tensor(index), sparse_grad=True) * factors).sum().backward()
        journal.note(parts(x.grad))
    number = t.tensor(2.0, requires_grad=True)
    t.gather(number, 0, t.tensor(0), sparse_grad=True).backward()
    journal.note(parts(number.grad))


def _sums(t: Any, journal: Journal) -> None:
    def sparse(places: list[int], values: list[float], size: int = 50) -> Any:
        return t.sparse_coo_tensor(t.tensor([places]), t.tensor(values), (size,))

    a, b = sparse([1, 0, 1], [1.0, 2.0, 3.0]), sparse([3, 1], [7.0, 8.0])
    for left in (a, a.coalesce()):
        for right in (a, a.coalesce(), b, b.coalesce(), sparse([], [])):
            journal.note([parts(left + right), parts(left - right), parts(right + left)])
            changed = left.clone()
            changed.add_(right, alpha=2)
            journal.note(parts(changed))
    small = sparse([1, 0, 1], [1.0, 2.0, 3.0], 4)
    journal.note([parts(small + sparse([3, 1], [7.0, 8.0], 4)), parts(small.zero_())])
    dense = t.ones(50)
    dense.add_(a, alpha=-0.5)
    journal.note([dense[:4], (t.ones(50) + a)[:4], dense._version])
    journal.tries(lambda: a + t.ones(50))
    journal.tries(lambda: t.ones(50).sub_(a)[:4])


def _optimizers(t: Any, journal: Journal) -> None:
    places = t.tensor(PLACES)
    scale = t.arange(12.0).view(2, 3, 2) / 12
    for name, options in OPTIMIZERS:

        def run() -> Any:
            table = t.nn.Embedding(5, 2, sparse=True)
            table.weight.data.copy_(t.arange(10.0).view(5, 2) / 10)
            optimizer = getattr(t.optim, name)(table.parameters(), lr=0.1, **options)

            def closure() -> Any:
                optimizer.zero_grad()
                loss = (table(places) * scale).pow(2).sum()
                loss.backward()
                return loss

            for _ in range(3):
                optimizer.step(closure)
            state = optimizer.state[table.weight]
            return [
                table.weight,
                table.weight._version,
                {key: str(type(value)) for key, value in state.items()},
            ]

        journal.tries(run)


OPTIMIZERS: list[tuple[str, dict[str, Any]]] = [
    ("SGD", {}), ("SGD", {"momentum": 0.9}), ("SGD", {"weight_decay": 0.1}), ("SGD", {"maximize": True}),
    ("SGD", {"momentum": 0.9, "nesterov": True}), ("SGD", {"fused": True}), ("Adagrad", {}), ("Adagrad", {"lr_decay": 0.1}),
    ("Adagrad", {"weight_decay": 0.1}), ("Adagrad", {"maximize": True, "initial_accumulator_value": 0.2}), ("Adagrad", {"fused": True}),
    ("SparseAdam", {}), ("SparseAdam", {"maximize": True, "betas": (0.5, 0.8)}), ("Adam", {}), ("AdamW", {}), ("RMSprop", {}),
    ("Adadelta", {}), ("Adamax", {}), ("NAdam", {}), ("RAdam", {}), ("ASGD", {}), ("Rprop", {}), ("LBFGS", {}), ("Adafactor", {}),
]  # fmt: skip


@pytest.mark.parametrize("program", [_embedding, _bags, _gather, _sums, _optimizers])
def test_program(program: Callable[[Any, Journal], None]) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        same_journals(program, torch, tinytorch)
