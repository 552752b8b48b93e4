"""The base class of learning-rate schedules."""

from __future__ import annotations

import types
import warnings
from collections.abc import Callable
from functools import wraps
from typing import Any
from weakref import ref

import tinytorch as torch

from .optimizer import Optimizer

EPOCH_DEPRECATION_WARNING = (
    "The epoch parameter in `scheduler.step()` was not necessary and is being deprecated where possible. Please use `scheduler.step()` "
    "to step the scheduler. During the deprecation, if epoch is different from None, the closed form is used instead of the new chainable "
    "form, where available. Please open an issue if you are unable to replicate your use case: "
    "https://github.com/pytorch/pytorch/issues/new/choose."
)


def _check_verbose_deprecated_warning(verbose: Any) -> Any:
    return verbose


def _format_param(name: str, optimizer: Any, param: Any) -> list[Any]:
    """One value per parameter group."""

    def copied(value: Any) -> Any:
        return value.clone() if isinstance(value, torch.Tensor) else value

    if isinstance(param, list | tuple):
        if len(param) != len(optimizer.param_groups):
            raise ValueError(
                f"{name} must have the same length as optimizer.param_groups. {name} has {len(param)} values, param_groups has "
                f"{len(optimizer.param_groups)}."
            )
    else:
        param = [param] * len(optimizer.param_groups)
    return [copied(value) for value in param]


def _copy(value: Any) -> Any:
    return value.clone() if isinstance(value, torch.Tensor) else value


def _param_groups_val_list(optimizer: Any, key: str) -> list[Any]:
    return [_copy(group[key]) for group in optimizer.param_groups]


def _update_param_group_val(param_group: dict[str, Any], key: str, val: Any) -> None:
    """Set an option; a tensor is filled rather than replaced."""
    if isinstance(param_group[key], torch.Tensor):
        param_group[key].fill_(val.squeeze() if isinstance(val, torch.Tensor) else val)
    else:
        param_group[key] = val


class _initial_mode:
    def __init__(self, scheduler: Any) -> None:
        self.scheduler = scheduler

    def __enter__(self) -> None:
        self.scheduler._is_initial = True

    def __exit__(self, *exception: object) -> None:
        self.scheduler._is_initial = False


class _enable_get_lr_call:
    def __init__(self, scheduler: Any) -> None:
        self.scheduler = scheduler

    def __enter__(self) -> Any:
        self.scheduler._get_lr_called_within_step = True
        return self

    def __exit__(self, *exception: object) -> None:
        self.scheduler._get_lr_called_within_step = False


def _warn_get_lr_called_within_step(scheduler: Any) -> None:
    if not scheduler._get_lr_called_within_step:
        warnings.warn(
            "To get the last learning rate computed by the scheduler, please use `get_last_lr()`.",
            UserWarning,
            stacklevel=2,
        )


class LRScheduler:
    """Sets the learning rate of every parameter group, epoch by epoch. Source: torch's documentation, LRScheduler."""

    _get_lr_called_within_step: bool = False
    _is_initial: bool = False

    def __init__(self, optimizer: Any, last_epoch: int = -1) -> None:
        if not isinstance(optimizer, Optimizer):
            raise TypeError(f"{type(optimizer).__name__} is not an Optimizer")
        self.optimizer = optimizer
        if last_epoch == -1:
            for group in optimizer.param_groups:
                group.setdefault("initial_lr", _copy(group["lr"]))
        else:
            for i, group in enumerate(optimizer.param_groups):
                if "initial_lr" not in group:
                    raise KeyError(
                        f"param 'initial_lr' is not specified in param_groups[{i}] when resuming scheduler with last_epoch >= 0.\n"
                        "This typically happens when:\n"
                        "1. You're trying to resume training from a checkpoint but haven't properly loaded the optimizer state\n"
                        "2. You're using last_epoch >= 0 for a fresh training run (not recommended)"
                    )
        self.base_lrs: list[Any] = _param_groups_val_list(optimizer, "initial_lr")
        self.last_epoch = last_epoch
        _track_steps(optimizer)
        self._initial_step()

    def _initial_step(self) -> None:
        self._step_count = 0
        with _initial_mode(self):
            self.step()

    def state_dict(self) -> dict[str, Any]:
        """Everything but the optimizer."""
        return {key: value for key, value in self.__dict__.items() if key != "optimizer"}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Take over what state_dict gave."""
        self.__dict__.update(state_dict)

    def get_last_lr(self) -> list[Any]:
        """The learning rates that were set last."""
        return self._last_lr

    def get_lr(self) -> list[Any]:
        """The learning rates of this epoch."""
        raise NotImplementedError

    def step(self, epoch: int | None = None) -> None:
        """Go to the next epoch, or to the one given."""
        if self._step_count == 1:
            step = self.optimizer.step
            if not hasattr(step, "_wrapped_by_lr_sched"):
                warnings.warn(
                    "Seems like `optimizer.step()` has been overridden after learning rate scheduler initialization. Please, make sure to "
                    "call `optimizer.step()` before `lr_scheduler.step()`. See more details at "
                    "https://pytorch.org/docs/stable/optim.html#how-to-adjust-learning-rate",
                    UserWarning,
                    stacklevel=2,
                )
            elif not getattr(self.optimizer, "_opt_called", False):
                warnings.warn(
                    "Detected call of `lr_scheduler.step()` before `optimizer.step()`. In PyTorch 1.1.0 and later, you should call them in "
                    "the opposite order: `optimizer.step()` before `lr_scheduler.step()`.  Failure to do this will result in PyTorch "
                    "skipping the first value of the learning rate schedule. See more details at "
                    "https://pytorch.org/docs/stable/optim.html#how-to-adjust-learning-rate",
                    UserWarning,
                    stacklevel=2,
                )
        self._step_count += 1
        if epoch is not None:
            warnings.warn(EPOCH_DEPRECATION_WARNING, UserWarning, stacklevel=2)
        self._update_lr(epoch)

    def _update_lr(self, epoch: int | None = None) -> None:
        with _enable_get_lr_call(self):
            if epoch is None:
                self.last_epoch += 1
                values = self.get_lr()
            else:
                self.last_epoch = epoch
                closed = getattr(self, "_get_closed_form_lr", None)
                values = closed() if closed is not None else self.get_lr()
        for group, lr in zip(self.optimizer.param_groups, values, strict=True):
            _update_param_group_val(group, "lr", lr)
        self._last_lr = _param_groups_val_list(self.optimizer, "lr")

    def _rates(self, key: str = "lr") -> list[Any]:
        """Copies of what the groups have now."""
        return _param_groups_val_list(self.optimizer, key)


def _track_steps(optimizer: Any) -> None:
    """Note on the optimizer when its step was called."""
    if hasattr(optimizer.step, "_wrapped_by_lr_sched"):
        return

    def wrap(step: Any) -> Any:
        owner = ref(optimizer)
        function = step.__func__

        @wraps(function)
        def wrapper(*args: Any, **kwargs: Any) -> Any:
            held = owner()
            held._opt_called = True  # type: ignore[union-attr]
            return function.__get__(held, held.__class__)(*args, **kwargs)

        wrapper._wrapped_by_lr_sched = True  # type: ignore[attr-defined]
        return wrapper

    optimizer.step = wrap(optimizer.step)


def functions_state(scheduler: Any, name: str) -> dict[str, Any]:
    """state_dict of a schedule with functions: callable objects by their attributes, functions as None."""
    state = {key: value for key, value in scheduler.__dict__.items() if key not in ("optimizer", name)}
    functions = getattr(scheduler, name)
    state[name] = [None] * len(functions)
    for i, function in enumerate(functions):
        if not isinstance(function, types.FunctionType):
            state[name][i] = function.__dict__.copy()
    return state


def load_functions_state(scheduler: Any, name: str, state_dict: dict[str, Any]) -> None:
    """The counterpart of `functions_state`."""
    saved = state_dict.pop(name)
    scheduler.__dict__.update(state_dict)
    state_dict[name] = saved
    for i, attributes in enumerate(saved):
        if attributes is not None:
            getattr(scheduler, name)[i].__dict__.update(attributes)


def one_per_group(optimizer: Any, lr_lambda: Any) -> list[Callable[[int], float]]:
    """The functions, one per parameter group. Raises ValueError for another number."""
    if not isinstance(lr_lambda, list | tuple):
        return [lr_lambda] * len(optimizer.param_groups)
    if len(lr_lambda) != len(optimizer.param_groups):
        raise ValueError(f"Expected {len(optimizer.param_groups)} lr_lambdas, but got {len(lr_lambda)}")
    return list(lr_lambda)


__all__ = ["LRScheduler"]
