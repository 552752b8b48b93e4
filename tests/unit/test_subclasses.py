"""Tensor subclasses, `__torch_function__` and modes, against torch."""

from __future__ import annotations

import warnings
from typing import Any

import pytest

torch = pytest.importorskip("torch")

import tinytorch
import tinytorch.overrides

PROGRAMS = {
    "results keep the subclass": """
class A(torch.Tensor): pass
t = torch.arange(3.).as_subclass(A)
found = [type(x).__name__ for x in (t, t + 1, t.sum(), t[0], 1 + t, t.max(0), t.max(0)[0], torch.stack([t, t]), t.detach(), t.data, t.view(3, 1),
    torch.zeros_like(t), t.chunk(2)[0], t.T, t.double(), t == t, t.numpy(), t.tolist(), t.sum().item())]
""",
    "histories": """
class A(torch.Tensor): pass
x = torch.ones(2, requires_grad=True)
t = x.as_subclass(A)
(t * 2).sum().backward()
found = [type(x.grad).__name__, x.grad.tolist(), type(t.grad_fn).__name__, t.is_leaf]
""",
    "construction": """
class A(torch.Tensor):
    @staticmethod
    def __new__(cls, x, extra, *args, **kwargs): return super().__new__(cls, x, *args, **kwargs)
    def __init__(self, x, extra): self.extra = extra
t = A([1., 2.], 5)
u = torch.Tensor._make_subclass(A, torch.arange(3.), True)
found = [t.extra, type(t * 2).__name__, hasattr(t * 2, "extra"), type(u).__name__, u.requires_grad, u.is_leaf]
""",
    "what handlers hear": """
found = []
class A(torch.Tensor):
    @classmethod
    def __torch_function__(cls, func, types, args=(), kwargs=None):
        found.append(getattr(func, "__name__", "?"))
        return super().__torch_function__(func, types, args, kwargs or {})
t = torch.Tensor._make_subclass(A, torch.arange(3.))
t + 1; torch.add(1, t); t.sum(); t.shape; t[0]; torch.cat([t, t]); t.T; len(t); t == t; t.add_(1); t[0] = 5; -t; t.dtype; t.size(); 1 - t
t @ t; t.numpy(); t.tolist(); float(t.sum()); bool(t.sum()); repr(t); t.requires_grad_(); (t * 2).sum().backward(); t.grad; t.stride(); t.unbind()
""",
    "how operands of einsum are handed on": """
found = []
class A(torch.Tensor):
    @classmethod
    def __torch_function__(cls, func, types, args=(), kwargs=None):
        found.append([func.__name__, [type(a).__name__ for a in args], [a for a in args if isinstance(a, str)], kwargs])
        return super().__torch_function__(func, types, args, kwargs or {})
t = torch.ones(2, 2).as_subclass(A)
for operands in ((t, t), ((t, t),), ([t, torch.ones(2, 2)],)):
    torch.einsum("ij,jk->ik", *operands)
torch.einsum(t, [0, 1], t, [1, 2])
""",
    "duck types": """
class S:
    @classmethod
    def __torch_function__(cls, func, types, args=(), kwargs=None):
        return func.__name__, [t.__name__ for t in types], len(args), sorted(kwargs or {})
s = S()
found = [torch.add(s, 1), torch.add(torch.ones(2), s), torch.cat([s, torch.ones(1)]), torch.sum(s, dim=1), torch.ones(2) + s, torch.ones(2).add(s),
    torch.matmul(s, s), torch.stack((s, s)), torch.zeros_like(s)]
""",
    "order of handlers": """
class S:
    @classmethod
    def __torch_function__(cls, func, types, args=(), kwargs=None): return "S"
class B(S):
    @classmethod
    def __torch_function__(cls, func, types, args=(), kwargs=None): return "B", [t.__name__ for t in types]
found = [torch.add(S(), B()), torch.add(B(), S()), torch.add(torch.ones(1), B())]
""",
    "nobody answers": """
class S:
    @classmethod
    def __torch_function__(cls, func, types, args=(), kwargs=None): return NotImplemented
found = []
for call in (lambda: torch.add(S(), 1), lambda: torch.ones(2) + S()):
    try: call()
    except TypeError as error: found.append(str(error).replace(__name__, ""))
""",
    "unrelated subclasses": """
class A(torch.Tensor): pass
class B(A): pass
class C(torch.Tensor): pass
a, b, c = (torch.ones(2).as_subclass(k) for k in (A, B, C))
found = [type(a + b).__name__, type(b + a).__name__, type(torch.ones(2) + b).__name__]
try: a + c
except TypeError as error: found.append(str(error))
""",
    "switched off": """
class A(torch.Tensor): pass
class P(torch.nn.Parameter): pass
class D(torch.Tensor):
    __torch_function__ = torch._C._disabled_torch_function_impl
t = torch.ones(2).as_subclass(A)
with torch._C.DisableTorchFunctionSubclass(): u = t + 1
with torch._C.DisableTorchFunction(): v = t + 1
found = [type(x).__name__ for x in (u, v, t + 1, torch.ones(2).as_subclass(D) + 1, P(torch.ones(2)), P(torch.ones(2)) + 1)]
""",
    "modes": """
found = []
class M(torch.overrides.TorchFunctionMode):
    def __torch_function__(self, func, types, args=(), kwargs=None):
        found.append(getattr(func, "__name__", "?"))
        return func(*args, **(kwargs or {}))
with M():
    t = torch.ones(2); u = t + 1; w = u.sum().item(); x = torch.tensor([1.]); y = u.shape; z = torch.stack([u, u])
class R(torch.overrides.TorchFunctionMode):
    def __torch_function__(self, func, types, args=(), kwargs=None):
        r = func(*args, **(kwargs or {}))
        return r * 2 if func is torch.Tensor.add else r
with R():
    with R():
        found.append(torch.ones(1).add(1).item())
found.append(torch.ones(1).add(1).item())
""",
    "overrides": """
class A(torch.Tensor): pass
class S:
    @classmethod
    def __torch_function__(cls, func, types, args=(), kwargs=None): return func.__name__, len(args), kwargs
def mine(x, y=1):
    return torch.overrides.handle_torch_function(mine, (x,), x, y=y) if torch.overrides.has_torch_function((x,)) else x
@torch.overrides.wrap_torch_function(lambda x: (x,))
def wrapped(x): return "plain"
o = torch.overrides
found = [mine(S()), mine(3), wrapped(S()), wrapped(3), o.is_tensor_like(S()), o.is_tensor_like(1), o.has_torch_function_unary(torch.ones(1)),
    o.has_torch_function_variadic(1, torch.ones(1).as_subclass(A)), o.resolve_name(torch.Tensor.add), o.resolve_name(torch.add),
    torch.add in o.get_overridable_functions()[torch], o.is_tensor_method_or_property(torch.Tensor.add), torch.add in o.get_testing_overrides()]
found += [f in o.get_ignored_functions() for f in (torch.Tensor.as_subclass, torch.Tensor.new_ones, torch.nn.init.eye, torch.fft.fftfreq,
    torch.nn.functional.upsample, torch.vmap, torch.add, torch.Tensor.add, torch.nn.functional.relu)]
""",
    "redispatching": """
found = []
class L(torch.Tensor):
    @classmethod
    def __torch_function__(cls, func, types, args=(), kwargs=None):
        found.append(getattr(func, "__name__", "?"))
        return torch.overrides.redispatch_function(func, types, args, kwargs)
def scaled(a, b):
    if torch.overrides.has_torch_function((a, b)): return torch.overrides.handle_torch_function(scaled, (a, b), a, b)
    return a * b + 1
x = torch.tensor([3.]).as_subclass(L)
found.append(type(scaled(x, x)).__name__)
class M(torch.overrides.TorchFunctionMode):
    def __torch_function__(self, func, types, args=(), kwargs=None):
        found.append(getattr(func, "__name__", "?"))
        with self: return torch.overrides.redispatch_function(func, types, args, kwargs)
with M(): y = scaled(torch.tensor([3.]), torch.tensor([4.]))
found.append(y.item())
""",
    "errors": """
found = []
for call in (lambda: torch.ones(2).as_subclass(int), lambda: torch.Tensor._make_subclass(int, torch.ones(2)), lambda: torch.Tensor._make_subclass(torch.Tensor, 3)):
    try: call()
    except TypeError as error: found.append(str(error))
""",
}


def run(library: Any, program: str) -> Any:
    space: dict[str, Any] = {"torch": library, "__name__": "program"}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        exec(program, space)
    return space["found"]


@pytest.mark.parametrize("name", PROGRAMS)
def test_as_torch(name: str) -> None:
    assert run(tinytorch, PROGRAMS[name]) == run(torch, PROGRAMS[name])


class Duck:
    """Not a tensor; answers for every function that it is given to."""

    @classmethod
    def __torch_function__(cls, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        return func.__name__, len(args), sorted(kwargs or {})


@pytest.mark.parametrize(
    "call",
    [
        lambda F, tensor, duck: F.relu(input=duck),
        lambda F, tensor, duck: F.mse_loss(tensor, duck),
        lambda F, tensor, duck: F.cross_entropy(tensor, tensor, weight=duck),
        lambda F, tensor, duck: F.layer_norm(duck, (3,)),
        lambda F, tensor, duck: F.softmax(duck),
        lambda F, tensor, duck: F.interpolate(duck, 4),
        lambda F, tensor, duck: F.linear(tensor, duck),
        lambda F, tensor, duck: F.normalize(duck, dim=0),
    ],
)
def test_functions_written_in_python_ask_others(call: Any) -> None:
    expected = call(torch.nn.functional, torch.ones(3), Duck())
    assert call(tinytorch.nn.functional, tinytorch.ones(3), Duck()) == expected
