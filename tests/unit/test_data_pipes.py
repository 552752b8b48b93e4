"""Data pipes: torch's items in torch's order, with torch's draws."""

from __future__ import annotations

import pickle
import warnings
from collections.abc import Callable
from typing import Any

import pytest

torch = pytest.importorskip("torch")


import tinytorch.utils.data.datapipes as _own  # noqa: F401


def items(t: Any, source: Any) -> Any:
    return t.utils.data.datapipes.iter.IterableWrapper(source)


def keyed(t: Any, source: Any) -> Any:
    return t.utils.data.datapipes.map.SequenceWrapper(source)


def loaded(t: Any, pipe: Any, **options: Any) -> list[Any]:
    loader = t.utils.data.DataLoader(pipe, batch_size=3, **options)
    return [[batch.tolist() for batch in loader] for _ in range(2)]


def stale(t: Any) -> Any:
    pipe = items(t, range(4))
    first = iter(pipe)
    values = [next(first), next(iter(pipe))]
    try:
        next(first)
    except RuntimeError as error:
        return values, str(error)
    return None


def own_pipe(t: Any) -> Any:
    class Doubled(t.utils.data.IterDataPipe):  # type: ignore[misc, name-defined]
        def __init__(self, source: Any, factor: int = 2) -> None:
            self.source, self.factor = source, factor

        def __iter__(self) -> Any:
            for item in self.source:
                yield item * self.factor

    name = "doubled_in_a_test"
    if name not in t.utils.data.IterDataPipe.functions:
        t.utils.data.functional_datapipe(name)(Doubled)
    pipe = getattr(items(t, range(3)), name)(factor=5)
    return list(pipe), repr(pipe), list(pipe)


def deterministic(t: Any) -> Any:
    with t.utils.data.guaranteed_datapipes_determinism():
        return t.utils.data.non_deterministic(type(items(t, [])))([1])


PIPES: dict[str, Callable[[Any], Any]] = {
    "map": lambda t: list(items(t, range(3)).map(lambda x: x + 1)),
    "map a column": lambda t: list(items(t, [(1, 2), (3, 4)]).map(lambda x: x * 10, input_col=1)),
    "map columns": lambda t: list(
        items(t, [(1, 2)]).map(lambda a, b: a + b, input_col=[0, 1], output_col=-1)
    ),
    "map a key": lambda t: list(items(t, [{"a": 1}]).map(lambda x: x + 1, input_col="a", output_col="b")),
    "filter": lambda t: list(items(t, range(6)).filter(lambda x: x % 2 == 1)),
    "filter without answer": lambda t: list(items(t, range(6)).filter(lambda x: x)),
    "batch": lambda t: [list(items(t, range(5)).batch(2, drop_last=drop)) for drop in (False, True)],
    "unbatch": lambda t: [list(items(t, [[[1, 2]], [[3]]]).unbatch(level)) for level in (1, 2, -1)],
    "collate": lambda t: [batch.tolist() for batch in items(t, range(4)).batch(2).collate()],
    "shuffle": lambda t: [list(items(t, range(10)).shuffle(buffer_size=size)) for size in (3, 100)],
    "shuffle by seed": lambda t: list(items(t, range(10)).shuffle().set_seed(3)),
    "no shuffle": lambda t: list(items(t, range(10)).shuffle().set_shuffle(False)),
    "concat": lambda t: list(items(t, [1]).concat(items(t, [2, 3]))),
    "zip": lambda t: list(items(t, range(3)).zip(items(t, range(5)))),
    "mux": lambda t: list(items(t, range(3)).mux(items(t, range(10, 15)))),
    "fork": lambda t: [list(pipe) for pipe in items(t, range(3)).fork(2)],
    "demux": lambda t: [list(pipe) for pipe in items(t, range(6)).demux(2, lambda x: x % 2)],
    "groupby": lambda t: list(items(t, ["a", "b", "ab", "ac"]).groupby(lambda x: x[0])),
    "groups of two": lambda t: list(items(t, range(7)).groupby(lambda x: x % 2, group_size=2, keep_key=True)),
    "sharding": lambda t: list(items(t, range(3)).sharding_filter()),
    "lengths": lambda t: [
        len(items(t, range(5)).batch(2)),
        len(items(t, range(3)).map(abs)),
        len(keyed(t, "abc").batch(2)),
    ],
    "no length": lambda t: len(items(t, iter(range(3)))),
    "no length of a filter": lambda t: len(items(t, range(3)).filter(abs)),
    "no such method": lambda t: items(t, []).fold(),
    "keyed": lambda t: [
        list(keyed(t, [1, 2]).map(str)),
        list(keyed(t, [1, 2]).concat(keyed(t, [3]))),
        list(keyed(t, [1, 2]).zip(keyed(t, [3, 4]))),
        list(keyed(t, [1, 2, 3]).batch(2)),
        list(keyed(t, [1, 2, 3, 4]).shuffle()),
    ],
    "representations": lambda t: [repr(keyed(t, [1]).map(str)), str(items(t, [1]).shuffle())],
    "stale": stale,
    "own": own_pipe,
    "deterministic": deterministic,
    "a name twice": lambda t: t.utils.data.functional_datapipe("map")(type(items(t, []))),
    "pickle": lambda t: list(pickle.loads(pickle.dumps(items(t, range(4)).batch(2)))),
    "loader": lambda t: loaded(t, items(t, range(10)).shuffle(), shuffle=True),
    "loader in order": lambda t: loaded(t, items(t, range(10)).shuffle(), shuffle=False),
    "loader adds shuffling": lambda t: loaded(t, items(t, range(10)), shuffle=True),
    "loader of keyed": lambda t: loaded(t, keyed(t, list(range(6))).map(abs), shuffle=True),
    "workers": lambda t: loaded(t, items(t, range(10)).shuffle().sharding_filter(), num_workers=2),
    "persistent workers": lambda t: loaded(
        t, items(t, range(10)).shuffle().sharding_filter(), num_workers=2, persistent_workers=True
    ),
    "graph": lambda t: len(
        t.utils.data.graph_settings.get_all_graph_pipes(
            t.utils.data.graph.traverse_dps(items(t, range(3)).map(abs).zip(items(t, range(3))))
        )
    ),
}


@pytest.mark.parametrize("name", PIPES)
def test_pipes(name: str) -> None:
    import torch.utils.data.graph_settings

    import tinytorch.utils.data.graph_settings

    seen = []
    for library in (torch, tinytorch):
        library.manual_seed(3)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            try:
                outcome = PIPES[name](library)
            except Exception as error:
                outcome = type(error).__name__, str(error)
        seen.append((outcome, library.rand(1).item()))
    assert seen[1] == seen[0]
