"""Modules as functions of their parameters."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from .._core.declare import find

#: Stands for an attribute that a module did not have.
_ABSENT = object()


def _merged(dicts: Any) -> dict[str, Any]:
    if isinstance(dicts, dict):
        return dicts
    if isinstance(dicts, Sequence):
        if not all(isinstance(item, dict) for item in dicts):
            raise ValueError("Expected all elements of parameter_and_buffer_dicts to be dictionaries")
        names = [name for item in dicts for name in item]
        repeated = [name for name in dict.fromkeys(names) if names.count(name) > 1]
        if repeated:
            raise ValueError(
                f"{repeated} appeared in multiple dictionaries; behavior of functional call is ambiguous"
            )
        return {name: value for item in dicts for name, value in item.items()}
    raise ValueError(
        f"Expected parameter_and_buffer_dicts to be a dict, or a list/tuple of dicts, but got {type(dicts)}"
    )


def _all_tensors(module: Any) -> dict[str, Any]:
    return {
        **dict(module.named_parameters(remove_duplicate=False)),
        **dict(module.named_buffers(remove_duplicate=False)),
    }


def _tied(module: Any, given: dict[str, Any]) -> dict[str, Any]:
    """`given` with every name that shares a tensor with a given one. Raises ValueError where two names disagree."""
    groups: dict[int, set[str]] = {}
    for name, tensor in _all_tensors(module).items():
        groups.setdefault(id(tensor), set()).add(name)
    answer = dict(given)
    for names in groups.values():
        values = [(name, given[name]) for name in names if name in given]
        if len({id(value) for _, value in values}) > 1:
            raise ValueError(
                f"functional_call got multiple values for keys {sorted(name for name, _ in values)}, which are tied. Consider using "
                "tie_weights=False"
            )
        if values:
            answer.update(dict.fromkeys(names, values[0][1]))
    return answer


@contextmanager
def _swapped(module: Any, given: dict[str, Any], tie_weights: bool, strict: bool) -> Iterator[None]:
    values = _tied(module, given) if tie_weights else dict(given)
    known = _all_tensors(module)
    if strict:
        unexpected = [name for name in given if name not in known]
        missing = [name for name in known if name not in values]
        lines = []
        if unexpected:
            lines.append(f"Unexpected key(s): {', '.join(map(repr, sorted(unexpected)))}.")
        if missing:
            lines.append(f"Missing key(s): {', '.join(map(repr, sorted(missing)))}.")
        if lines:
            raise RuntimeError(
                "Error(s) in reparametrizing for {}:\n\t{}".format(module._get_name(), "\n\t".join(lines))
            )
    held: list[tuple[Any, str, Any]] = []
    try:
        for path, value in values.items():
            prefix, _, name = path.rpartition(".")
            owner = module.get_submodule(prefix)
            for store in (owner._parameters, owner._buffers):
                if name in store:
                    held.append((store, name, store[name]))
                    store[name] = value
                    break
            else:  # a name the module does not know becomes an attribute for the time of the call
                held.append((vars(owner), name, vars(owner).get(name, _ABSENT)))
                vars(owner)[name] = value
        yield
    finally:
        for store, name, original in reversed(held):
            if original is _ABSENT:
                store.pop(name, None)
                continue
            path = next(
                (p for p in values if p.rpartition(".")[2] == name and _store_of(module, p) is store), None
            )
            if path is not None and path in given and store[name] is not values[path]:
                given[path] = store[name]  # the module put another tensor in its place
            store[name] = original


def _store_of(module: Any, path: str) -> Any:
    prefix, _, name = path.rpartition(".")
    owner = module.get_submodule(prefix)
    return owner._parameters if name in owner._parameters else owner._buffers


def functional_call(
    module: Any,
    parameter_and_buffer_dicts: Any,
    args: Any = None,
    kwargs: dict[str, Any] | None = None,
    *,
    tie_weights: bool = True,
    strict: bool = False,
) -> Any:
    """Call `module` with other parameters and buffers in place. Source: torch's documentation, torch.func.functional_call."""
    given = _merged(parameter_and_buffer_dicts)
    arguments = () if args is None else args if isinstance(args, tuple) else (args,)
    with _swapped(module, given, tie_weights, strict):
        return module(*arguments, **(kwargs or {}))


def stack_module_state(models: Any) -> tuple[dict[str, Any], dict[str, Any]]:
    """Parameters and buffers of models of one class, stacked along a new first dimension."""
    models = list(models)
    if not models:
        raise RuntimeError("stack_module_state: Expected at least one model, got 0.")
    if not (all(model.training for model in models) or all(not model.training for model in models)):
        raise RuntimeError("stack_module_state: Expected all models to have the same training/eval mode.")
    if not all(type(model) is type(models[0]) for model in models):
        raise RuntimeError("stack_module_state: Expected all models to be of the same class.")
    parameters = [dict(model.named_parameters()) for model in models]
    buffers = [dict(model.named_buffers()) for model in models]
    stacked = {name: _stack(name, [state[name] for state in parameters]) for name in parameters[0]}
    return stacked, {name: _stack(name, [state[name] for state in buffers]) for name in buffers[0]}


def _stack(name: str, tensors: list[Any]) -> Any:
    wanted = [tensor.requires_grad for tensor in tensors]
    if len(set(wanted)) > 1:
        raise RuntimeError(f"Expected {name} from each model to have the same .requires_grad")
    stacked = find("stack").call(
        [tensor.detach() for tensor in tensors] if all(t.is_leaf for t in tensors) else tensors, 0
    )
    return stacked.requires_grad_() if wanted[0] and stacked.is_leaf else stacked


def replace_all_batch_norm_modules_(root: Any) -> Any:
    """Make every batch norm of `root` work without running statistics; returns `root`."""
    for module in root.modules():
        if hasattr(module, "track_running_stats") and hasattr(module, "running_mean"):
            module.running_mean = None
            module.running_var = None
            module.num_batches_tracked = None
            module.track_running_stats = False
    return root


for _function in (functional_call, stack_module_state, replace_all_batch_norm_modules_):
    _function.__module__ = "torch.func"
