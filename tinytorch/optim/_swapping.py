"""Other parameters and state for an optimizer, for a while."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

_NAME = "swap_in_optimizer_params_and_state"


@contextmanager
def swap_in_optimizer_params_and_state(
    optimizer: Any, swapin_parameters: dict[str, Any], swapin_optim_state: dict[str, Any]
) -> Iterator[None]:
    """Inside a `with` block, let `optimizer` work on other parameters, in the order of its own, with a state like its `state_dict()`.

    Changes in place of the tensors given stay; everything else is as before afterwards. Raises RuntimeError where the optimizer has made
    no step yet, or where number, groups or keys do not fit. Source: torch's documentation, torch.optim.
    """
    if not optimizer.state:
        raise RuntimeError(f"{_NAME} requires initialized optimizer state.")
    parameters = list(swapin_parameters.values())
    live = optimizer.param_groups
    if len(parameters) != sum(len(group["params"]) for group in live):
        raise RuntimeError(
            f"{_NAME} requires the explicit parameter state to match optimizer.param_groups ordering."
        )
    states = swapin_optim_state.get("state")
    if not isinstance(states, dict):
        raise RuntimeError(
            f"{_NAME} requires swapin_optim_state['state'] to be a dict mapping packed parameter ids to per-param state dicts, "
            f"got {type(states).__name__}."
        )
    groups = _groups(live, swapin_optim_state.get("param_groups") or [])
    numbers = [number for group in groups for number in group["params"]]
    extra = [key for key in states if key not in numbers]
    if extra:
        raise RuntimeError(
            f"{_NAME} requires swapin_optim_state['state'] to be keyed only by packed parameter ids from "
            f"param_groups[*]['params']; got extra keys {extra}."
        )
    by_number = dict(zip(numbers, parameters, strict=True))
    state: Any = defaultdict(dict)
    for number, parameter in by_number.items():
        state[parameter] = dict(states.get(number, {}))
    kept = optimizer.state, [dict(group) for group in live]
    optimizer.state = state
    for group, other in zip(live, groups, strict=True):
        group.update({**other, "params": [by_number[number] for number in other["params"]]})
    try:
        yield
    finally:
        optimizer.state = kept[0]
        for group, before in zip(live, kept[1], strict=True):
            group.clear()
            group.update(before)


def _groups(live: list[Any], groups: list[Any]) -> list[Any]:
    """The groups given, if they fit the optimizer's own."""
    if len(groups) != len(live):
        raise RuntimeError(
            "swapin_optim_state has a different number of parameter groups than the live optimizer."
        )
    for place, (group, own) in enumerate(zip(groups, live, strict=True)):
        if len(group["params"]) != len(own["params"]):
            raise RuntimeError(
                f"swapin_optim_state param group {place} has a different number of params than the live optimizer param group."
            )
        added, lost = (
            [key for key in one if key not in other] for one, other in ((group, own), (own, group))
        )
        if added or lost:
            raise RuntimeError(
                f"{_NAME} requires optimizer.state_dict()-style param group keys to exactly match the live optimizer group keys "
                f"for group {place}. Keys only in swap-in: {added}. Keys only in live: {lost}."
            )
    return groups
