"""Parametrizations and normalisations of weights behave as torch's do."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import pytest

torch = pytest.importorskip("torch")

from agreement import programs_agree

agree = partial(programs_agree, relative=1e-4, absolute=1e-5)


NORMS: dict[str, Callable[[Any, Any], Any]] = {
    "weight": lambda t, m: t.nn.utils.parametrizations.weight_norm(m),
    "weight, whole": lambda t, m: t.nn.utils.parametrizations.weight_norm(m, dim=None),
    "spectral": lambda t, m: t.nn.utils.parametrizations.spectral_norm(m),
    "old weight": lambda t, m: t.nn.utils.weight_norm(m, dim=1),
    "old spectral": lambda t, m: t.nn.utils.spectral_norm(m),
}
LAYERS: dict[str, Callable[[Any], Any]] = {
    "Linear": lambda nn: nn.Linear(4, 3),
    "Conv1d": lambda nn: nn.Conv1d(2, 3, 2),
    "ConvTranspose1d": lambda nn: nn.ConvTranspose1d(2, 3, 2),
}


@pytest.mark.parametrize("layer", LAYERS)
@pytest.mark.parametrize("norm", NORMS)
def test_norms(norm: str, layer: str) -> None:
    def program(torch: Any) -> Any:
        module = NORMS[norm](torch, LAYERS[layer](torch.nn))
        out = module(torch.ones(2, 4) if layer == "Linear" else torch.ones(1, 2, 4))
        out.sum().backward()
        return [
            repr(module),
            out,
            module.state_dict(),
            [p.grad for p in module.parameters()],
            type(module).__name__,
        ]

    agree(program)


def test_removal_and_assignment() -> None:
    def program(torch: Any) -> Any:
        utils = torch.nn.utils
        m = utils.parametrizations.weight_norm(torch.nn.Linear(2, 2))
        m.weight = torch.ones(2, 2)
        shown = [m.weight, repr(m)]
        utils.parametrize.remove_parametrizations(m, "weight")
        old = utils.remove_weight_norm(utils.weight_norm(torch.nn.Linear(2, 2)))
        spectral = utils.remove_spectral_norm(utils.spectral_norm(torch.nn.Linear(2, 2)))
        return [
            shown,
            repr(m),
            m.state_dict(),
            isinstance(m.weight, torch.nn.Parameter),
            old.state_dict(),
            spectral.state_dict(),
        ]

    agree(program)


@pytest.mark.parametrize(
    "action",
    [
        lambda t, m, sym: t.nn.utils.parametrize.register_parametrization(m, "nothing", sym),
        lambda t, m, sym: setattr(m, "weight", t.ones(2, 2)),
        lambda t, m, sym: t.nn.utils.parametrize.remove_parametrizations(m, "bias"),
        lambda t, m, sym: m.__getstate__(),
        lambda t, m, sym: t.nn.utils.parametrize.register_parametrization(m, "bias", t.nn.Linear(2, 3)),
        lambda t, m, sym: t.nn.utils.remove_weight_norm(m),
        lambda t, m, sym: t.nn.utils.parametrizations.spectral_norm(m, "nothing"),
        lambda t, m, sym: [m.weight, repr(m), t.nn.utils.parametrize.is_parametrized(m, "weight")],
        lambda t, m, sym: t.nn.utils.parametrize.type_before_parametrizations(m).__name__,
        lambda t, m, sym: t.nn.utils.stateless.functional_call(m, {"bias": t.zeros(2)}, t.ones(1, 2)),
        lambda t, m, sym: t.nn.utils.stateless.functional_call(
            m, {"nothing": t.zeros(2)}, t.ones(1, 2), strict=True
        ),
    ],
)
def test_parametrization(action: Callable[[Any, Any, Any], Any]) -> None:
    def program(torch: Any) -> Any:
        class Symmetric(torch.nn.Module):  # type: ignore[misc, name-defined]
            def forward(self, x: Any) -> Any:
                return x.triu() + x.triu(1).transpose(-1, -2)

        m = torch.nn.Linear(2, 2)
        torch.nn.utils.parametrize.register_parametrization(m, "weight", Symmetric())
        return action(torch, m, Symmetric())

    agree(program)


@pytest.mark.parametrize(
    "options", [{}, {"tie_weights": True}, {"strict": True}], ids=["plain", "tied", "strict"]
)
def test_other_tensors_for_the_time_of_a_context(options: dict[str, bool]) -> None:
    def program(torch: Any) -> Any:
        m = torch.nn.Sequential(torch.nn.Linear(2, 2), torch.nn.Linear(2, 2))
        m[1].weight = m[0].weight
        before = m[0].weight
        with torch.nn.utils.stateless._reparametrize_module(m, {"0.weight": torch.eye(2)}, **options):
            inside = m[0].weight, m[1].weight is m[0].weight
        return [inside, m[0].weight is before]

    agree(program)
