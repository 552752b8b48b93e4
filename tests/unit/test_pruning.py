"""Pruning, orthogonal parametrizations and the choice of attention print what they print under torch."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import pytest

import tinytorch

torch = pytest.importorskip("torch")

import torch.nn.attention.bias  # noqa: F811
import torch.nn.attention.flex_attention
import torch.nn.grad
import torch.nn.utils.parametrizations
import torch.nn.utils.prune

import tinytorch.nn.attention.bias
import tinytorch.nn.attention.flex_attention
import tinytorch.nn.grad
import tinytorch.nn.utils.parametrizations
import tinytorch.nn.utils.prune

Show = Callable[[Callable[[], Any]], None]


def lines(program: Callable[[Any, Show], None], library: Any) -> list[str]:
    """What a program shows: results and errors as text."""
    seen: list[str] = []

    def show(call: Callable[[], Any]) -> None:
        try:
            text = repr(call())
        except Exception as error:
            text = f"{type(error).__name__}: {error}"
        text = re.sub(r"0x[0-9a-f]+|-(?=0\.?\b(?!\.[0-9]*[1-9]))", "", text.replace("tinytorch", "torch"))
        seen.append(re.sub(r"\s+", " ", text))

    library.manual_seed(0)
    program(library, show)
    return seen


def pruning(torch: Any, show: Show) -> None:
    prune = torch.nn.utils.prune
    layer = torch.nn.Linear(4, 3)
    for amount in (1.5, 100, -1, "a"):
        show(lambda amount=amount: prune.l1_unstructured(layer, "weight", amount))
    show(lambda: prune.ln_structured(layer, "bias", 1, 2, 0))
    show(lambda: prune.ln_structured(layer, "weight", 0.5, 2, 3))
    show(lambda: prune.remove(layer, "weight"))
    show(lambda: prune.random_structured(layer, "weight", 5, 0))
    for parameters in ("a", (), [layer], 3):
        show(lambda p=parameters: prune.global_unstructured(p, prune.L1Unstructured, amount=1))
    show(lambda: prune.global_unstructured([(layer, "weight")], prune.LnStructured, amount=1, n=2))
    show(lambda: prune.BasePruningMethod())
    show(lambda: prune.is_pruned(layer))
    prune.l1_unstructured(layer, "weight", 0.3)
    prune.l1_unstructured(layer, "weight", 2)
    prune.ln_structured(layer, "weight", 1, 2, 1)
    (container,) = layer._forward_pre_hooks.values()
    show(lambda: [type(method).__name__ for method in container])
    show(lambda: container.add_pruning_method(3))
    show(lambda: (layer.weight, layer.weight_mask, sorted(layer.state_dict())))
    prune.random_structured(layer, "weight", 1, 0)
    prune.random_unstructured(layer, "weight", 1)
    prune.identity(layer, "bias")
    show(lambda: (layer.weight_mask, layer.bias, prune.is_pruned(layer)))
    layer(torch.ones(4)).sum().backward()
    show(lambda: layer.weight_orig.grad)
    prune.remove(layer, "weight")
    prune.remove(layer, "bias")
    show(lambda: (layer.weight, prune.is_pruned(layer), list(layer.state_dict()), layer._forward_pre_hooks))
    net = torch.nn.Sequential(torch.nn.Conv2d(2, 3, 2), torch.nn.Linear(3, 2))
    places = [(net[0], "weight"), (net[1], "weight"), (net[1], "bias")]
    prune.global_unstructured(places, prune.L1Unstructured, amount=0.4)
    prune.global_unstructured(places[:2], prune.RandomUnstructured, amount=5)
    prune.ln_structured(net[0], "weight", 0.4, float("inf"), 0)
    show(lambda: list(net.buffers()))
    show(lambda: prune.custom_from_mask(net[1], "bias", torch.ones(3)))
    scores = torch.tensor([4, 3, 2, 1.0])
    show(lambda: prune.L1Unstructured(0.5).prune(torch.arange(4.0), importance_scores=scores))


def attention(torch: Any, show: Show) -> None:
    kinds, functional = torch.nn.attention, torch.nn.functional
    enabled = torch.backends.cuda
    query, key = torch.randn(1, 2, 3, 4), torch.randn(1, 2, 5, 4)

    def state() -> Any:
        return (
            enabled.flash_sdp_enabled(),
            enabled.math_sdp_enabled(),
            enabled.mem_efficient_sdp_enabled(),
            enabled.cudnn_sdp_enabled(),
        )

    show(lambda: kinds.sdpa_kernel(3).__enter__())
    for chosen in (
        kinds.SDPBackend.MATH,
        kinds.SDPBackend.FLASH_ATTENTION,
        [kinds.SDPBackend.EFFICIENT_ATTENTION],
        [kinds.SDPBackend.FLASH_ATTENTION, kinds.SDPBackend.MATH],
    ):
        with kinds.sdpa_kernel(chosen):
            show(lambda c=chosen: (c, state(), kinds._cur_sdpa_kernel_backends()))
            show(lambda: functional.scaled_dot_product_attention(query, key, key))
            show(lambda: functional.scaled_dot_product_attention(query[0], key[0], key[0]))
    show(state)
    bias = kinds.bias
    for mask in (bias.causal_upper_left(3, 5), bias.causal_lower_right(3, 5), bias.causal_upper_left(3, 3)):
        show(lambda m=mask: (m, m.shape, m.variant, m.seq_len_q))
        show(lambda m=mask: functional.scaled_dot_product_attention(query, key, key, attn_mask=m))
        show(lambda m=mask: functional.scaled_dot_product_attention(query, key, key, m, 0.0, True))
    show(lambda: bias.causal_lower_right(3))
    flex = kinds.flex_attention
    causal, near = (lambda b, h, i, j: i >= j), (lambda b, h, i, j: (i - j) < 2)
    for mask in (causal, flex.and_masks(causal, near), flex.or_masks(causal, near), flex.noop_mask):
        show(lambda m=mask: flex.create_mask(m, 1, None, 3, 4, device="cpu"))


def orthogonal(torch: Any, show: Show) -> None:
    make = torch.nn.utils.parametrizations.orthogonal
    for shape in ((3, 2), (2, 3), (3, 3)):
        for kind in ("matrix_exp", "cayley", "householder", None):
            for trivial in (True, False):
                layer = torch.nn.Linear(*shape, bias=False, dtype=torch.float64)
                make(layer, orthogonal_map=kind, use_trivialization=trivial)
                (
                    layer.weight.square() * torch.arange(layer.weight.numel()).view_as(layer.weight)
                ).sum().backward()
                gradient = layer.parametrizations.weight.original.grad
                show(lambda g=gradient, n=layer: ((n.weight * 1e4).round(), (g * 1e4).round(), n))
                show(lambda n=layer: setattr(n, "weight", torch.ones(1, 1, dtype=torch.float64)))
    show(lambda: make(torch.nn.Linear(3, 2), orthogonal_map="x"))
    show(lambda: make(torch.nn.Linear(3, 2), "bias"))
    show(lambda: make(torch.nn.Linear(3, 2), "w"))


def convolutions(torch: Any, show: Show) -> None:
    functional, gradients = torch.nn.functional, torch.nn.grad
    input, weight = torch.randn(1, 2, 7, 7), torch.randn(4, 1, 3, 3)
    grad = torch.randn_like(functional.conv2d(input, weight, stride=2, padding=1, groups=2))
    show(lambda: gradients.conv2d_input(input.shape, weight, grad, 2, 1, groups=2))
    show(lambda: gradients.conv2d_weight(input, weight.shape, grad, 2, 1, groups=2))


@pytest.mark.parametrize("program", [pruning, attention, orthogonal, convolutions])
def test_as_torch(program: Callable[[Any, Show], None]) -> None:
    expected = lines(program, torch)
    assert lines(program, tinytorch) == expected
