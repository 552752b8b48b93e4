"""Settings of all pipes that a pipe is made of."""

from __future__ import annotations

from typing import Any

import tinytorch as torch

from .graph import traverse_dps

__all__ = [
    "apply_random_seed",
    "apply_sharding",
    "apply_shuffle_seed",
    "apply_shuffle_settings",
    "get_all_graph_pipes",
]


def get_all_graph_pipes(graph: Any) -> list[Any]:
    """The pipes of a graph, each once."""
    found: dict[int, Any] = {}

    def visit(part: Any) -> None:
        for identity, (pipe, inner) in part.items():
            if identity not in found:
                found[identity] = pipe
                visit(inner)

    visit(graph)
    return list(found.values())


def _can(pipe: Any, *names: str) -> bool:
    return all(callable(getattr(type(pipe), name, None)) for name in names)


def apply_sharding(datapipe: Any, num_of_instances: int, instance_id: int, sharding_group: Any = None) -> Any:
    """Let every pipe that shares items out take the part of one instance."""
    for pipe in get_all_graph_pipes(traverse_dps(datapipe)):
        if _can(pipe, "apply_sharding"):
            pipe.apply_sharding(num_of_instances, instance_id, sharding_group)
    return datapipe


def apply_shuffle_settings(datapipe: Any, shuffle: bool | None = None) -> Any:
    """Turn shuffling on or off. Adds a shuffling pipe, with a warning, if there is none to turn on."""
    if shuffle is None:
        return datapipe
    shufflers = [p for p in get_all_graph_pipes(traverse_dps(datapipe)) if _can(p, "set_shuffle", "set_seed")]
    if not shufflers and shuffle:
        import warnings

        warnings.warn(
            "`shuffle=True` was set, but the datapipe does not contain a `Shuffler`. Adding one at the end. Be aware that the default buffer "
            "size might not be sufficient for your task.",
            stacklevel=2,
        )
        datapipe = datapipe.shuffle()
        shufflers = [datapipe]
    for pipe in shufflers:
        pipe.set_shuffle(shuffle)
    return datapipe


def apply_random_seed(datapipe: Any, rng: Any) -> Any:
    """Give every pipe that draws a seed of its own from `rng`."""
    for pipe in get_all_graph_pipes(traverse_dps(datapipe)):
        if _can(pipe, "set_seed"):
            pipe.set_seed(int(torch.empty((), dtype=torch.int64).random_(generator=rng).item()))
    return datapipe


def apply_shuffle_seed(datapipe: Any, rng: Any) -> Any:
    """`apply_random_seed` by its former name."""
    return apply_random_seed(datapipe, rng)
