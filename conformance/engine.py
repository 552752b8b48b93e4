"""The two libraries of a run: the reference (PyTorch) and the implementation under test.

This is the only file of the harness that imports either of them; everything else takes a `Library`.
"""

from __future__ import annotations

import ctypes
import importlib
import types
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

REFERENCE = "torch"
# M_PERTURB of glibc's malloc.h: new memory holds this byte's complement
PERTURB = -6


class Library:
    """One imported library that offers PyTorch's API, addressed by PyTorch's public names."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.module: Any = importlib.import_module(name)
        # objects made while recording, kept alive so that an id stays one object's
        self.constructions: dict[int, tuple[str, tuple[Any, ...], dict[str, Any], Any]] = {}
        # a warning that is given once per process would depend on the order of the cases
        for setting, value in (("set_num_threads", 1), ("set_warn_always", True)):
            switch = self.optional(setting)
            if switch is not None and (name == REFERENCE or setting == "set_warn_always"):
                switch(value)

    def resolve(self, path: str) -> Any:
        """The object at a public path such as `torch.nn.functional.relu`; AttributeError when there is none."""
        parts = path.split(".")[1:]
        owner: Any = self.module
        module_name: str | None = self.name
        for part in parts:
            try:
                value = getattr(owner, part)
            except AttributeError:
                if module_name is None or not isinstance(owner, types.ModuleType):
                    raise
                try:
                    value = importlib.import_module(f"{module_name}.{part}")
                except ModuleNotFoundError:
                    raise AttributeError(f"{path}: no '{part}'", name=part, obj=owner) from None
            module_name = (
                f"{module_name}.{part}" if isinstance(value, types.ModuleType) and module_name else None
            )
            owner = value
        return owner

    def has(self, path: str) -> bool:
        """Whether the public path exists."""
        try:
            self.resolve(path)
        except (AttributeError, ImportError):
            return False
        return True

    def optional(self, name: str) -> Any:
        """A top-level name, or None where the library does not have it (yet)."""
        try:
            return getattr(self.module, name)
        except (AttributeError, ImportError):
            return None

    def warm_up(self) -> None:
        """One backward pass: the first one may import half a library, which no case's time should pay for."""
        try:
            leaf = self.module.ones(2, requires_grad=True)
            self.module.autograd.grad([(leaf * leaf).sum()], [leaf])
        except Exception:  # a library without gradients is told so by the cases
            return

    def seed(self, value: int) -> None:
        """The random state that a seed gives, where the library has one."""
        # PyTorch's own `manual_seed` also writes down a stack trace for each kind of device that is not there
        generator = self.optional("default_generator") if self.name == REFERENCE else None
        plant = self.optional("manual_seed") if generator is None else generator.manual_seed
        if plant is not None:
            plant(value)

    def is_tensor(self, value: object) -> bool:
        return isinstance(value, self.module.Tensor)

    def dtype_name(self, dtype: object) -> str:
        """`float32` for `torch.float32`."""
        return str(dtype).rpartition(".")[2]

    def rebind(self, function: types.FunctionType) -> Callable[..., Any]:
        """The same Python function with this library in place of PyTorch.

        Closures over plain data and such functions move along; OpInfo's seed wrapper becomes a seed and a call.
        """

        def seeded(inner: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Any:
            if self.name == REFERENCE:
                self.seed(42)
            else:
                self.module.manual_seed(42)
            return inner(*args, **kwargs)

        namespace = dict(function.__globals__)
        for name, value in list(namespace.items()):
            # helpers of the harness beside the function refer to the library the same way
            if isinstance(value, types.FunctionType) and value.__globals__ is function.__globals__:
                if value.__module__.startswith("conformance."):
                    namespace[name] = types.FunctionType(value.__code__, namespace, name, value.__defaults__)
        namespace["torch"] = self.module
        namespace["wrapper_set_seed"] = seeded
        cells = tuple(types.CellType(self.move(cell.cell_contents)) for cell in function.__closure__ or ())
        moved = types.FunctionType(
            function.__code__, namespace, function.__name__, function.__defaults__, cells
        )
        moved.__kwdefaults__ = function.__kwdefaults__
        return moved

    def move(self, value: Any) -> Any:
        """What a moved function closes over; TypeError for objects of the other library."""
        if isinstance(value, types.FunctionType):
            return self.rebind(value)
        if value is None or isinstance(value, (bool, int, float, str, tuple, range)):
            return value
        raise TypeError(f"a closure over {type(value).__name__} cannot be moved")

    @contextmanager
    def recording(self, paths: tuple[str, ...]) -> Iterator[None]:
        """Remember the arguments of every object of these classes that is made inside."""
        kept: list[tuple[Any, Any]] = []
        for path in paths:
            owner = self.resolve(path)
            kept.append((owner, owner.__init__))
            owner.__init__ = self.recorder(path, owner.__init__)
        try:
            yield
        finally:
            for owner, original in kept:
                owner.__init__ = original

    def recorder(self, path: str, original: Callable[..., None]) -> Callable[..., None]:
        def initialise(made: Any, /, *args: Any, **kwargs: Any) -> None:
            self.constructions[id(made)] = (path, args, kwargs, made)
            original(made, *args, **kwargs)

        return initialise

    @contextmanager
    def settled(self, default_dtype: str = "float32", seed: int = 0) -> Iterator[None]:
        """A known random state, default dtype and gradient mode, put back afterwards."""
        module = self.module
        self.seed(seed)
        switch = self.optional("set_default_dtype")
        if switch is not None and default_dtype != "float32":
            switch(getattr(module, default_dtype))
        try:
            yield
        finally:
            if switch is not None:
                switch(module.float32)
            restore = self.optional("set_grad_enabled")
            if restore is not None:
                restore(True)


def load(name: str) -> Library:
    """Import a library by module name."""
    return Library(name)


def reference() -> Library:
    """PyTorch itself."""
    return Library(REFERENCE)


@contextmanager
def flags_kept() -> Iterator[None]:
    """PyTorch's test tools forbid to set backend flags when they are imported; programs may set them all the same."""
    import torch

    # `torch.backends` is a proxy: what is set on it does not reach the variable that its functions read.
    switches, flag = torch.backends.flags_frozen.__globals__, "__allow_nonbracketed_mutation_flag"
    before = switches[flag]
    try:
        yield
    finally:
        switches[flag] = before


def operator_database() -> list[Any]:
    """PyTorch's own list of operators with sample inputs."""
    with flags_kept():
        from torch.testing._internal.common_methods_invocations import op_db

    return list(op_db)


def module_database() -> list[Any]:
    """PyTorch's own list of modules with sample inputs."""
    with flags_kept():
        from torch.testing._internal.common_modules import module_db

    return list(module_db)


def optimizer_database() -> list[Any]:
    """PyTorch's own list of optimizers with sample inputs."""
    with flags_kept():
        from torch.testing._internal.common_optimizers import optim_db

    return list(optim_db)


@contextmanager
def poisoned_memory() -> Iterator[None]:
    """Fresh memory is full of large numbers, where the C library can do that: what reads it before writing shows."""
    try:
        option = ctypes.CDLL(None).mallopt
    except (OSError, AttributeError, TypeError):
        yield
        return
    option(PERTURB, 0x80)
    try:
        yield
    finally:
        option(PERTURB, 0)


def rounding_noise(library: Library, seed: int, factor: float, epsilon: float | None) -> Any:
    """A mode of PyTorch that moves every operator's fresh float results by so many relative epsilons.

    An epsilon of None is that of each result's own dtype.

    It stands for the rounding of another honest implementation, so that what it moves far is ill-conditioned.
    """
    from torch.utils._python_dispatch import TorchDispatchMode
    from torch.utils._pytree import tree_iter

    torch = library.module
    generator = torch.Generator().manual_seed(seed)
    wide = (torch.float64, torch.complex128)

    class Noise(TorchDispatchMode):  # type: ignore[misc]
        def __torch_dispatch__(self, operator: Any, kinds: Any, args: Any = (), kwargs: Any = None) -> Any:
            result = operator(*args, **(kwargs or {}))
            leaves = [item for item in tree_iter((args, kwargs)) if isinstance(item, torch.Tensor)]
            known = {item.untyped_storage().data_ptr() for item in leaves}
            for item in tree_iter(result):
                if not isinstance(item, torch.Tensor) or not (item.is_floating_point() or item.is_complex()):
                    continue
                # views and in-place results round nothing of their own
                if item.layout is torch.strided and item.untyped_storage().data_ptr() not in known:
                    kind = torch.float64 if item.dtype in wide else torch.float32
                    size = factor * (torch.finfo(item.dtype).eps if epsilon is None else epsilon)
                    noise = torch.empty(item.shape, dtype=kind)
                    item.mul_(noise.uniform_(1.0 - size, 1.0 + size, generator=generator))
            return result

    return Noise()


def widened(library: Library) -> Any:
    """A mode of PyTorch in which operators compute in double precision and round once: what is true, step by step.

    It leaves random draws as they are, and what is written in place, which a program of another dtype would not.
    """
    from torch.utils._python_dispatch import TorchDispatchMode
    from torch.utils._pytree import tree_iter, tree_map

    torch = library.module
    wider = {torch.float32: torch.float64, torch.complex64: torch.complex128}

    def widen(value: Any) -> Any:
        if isinstance(value, torch.Tensor) and value.layout is torch.strided:
            return value.to(wider.get(value.dtype, value.dtype))
        return wider.get(value, value) if isinstance(value, torch.dtype) else value

    class Wide(TorchDispatchMode):  # type: ignore[misc]
        def __torch_dispatch__(self, operator: Any, kinds: Any, args: Any = (), kwargs: Any = None) -> Any:
            result = operator(*args, **(kwargs or {}))
            given = [item for item in tree_iter((args, kwargs)) if isinstance(item, torch.Tensor)]
            if operator._schema.is_mutable or torch.Tag.nondeterministic_seeded in operator.tags:
                return result
            if not any(item.dtype in wider for item in given):
                return result
            known = {item.untyped_storage().data_ptr() for item in given if item.layout is torch.strided}
            true = operator(*tree_map(widen, args), **tree_map(widen, kwargs or {}))
            for item, exact in zip(tree_iter(result), tree_iter(true), strict=True):
                if isinstance(item, torch.Tensor) and item.dtype in wider and item.layout is torch.strided:
                    if item.untyped_storage().data_ptr() not in known and item.shape == exact.shape:
                        item.copy_(exact)
            return result

    return Wide()
