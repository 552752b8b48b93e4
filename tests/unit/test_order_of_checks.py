"""Calls that break several rules at once end with PyTorch's first complaint, and warnings come as often as PyTorch's."""

from __future__ import annotations

import re
import warnings
from collections.abc import Iterator
from typing import Any

import pytest
import torch

import tinytorch

#: One expression a line; `T` makes ones of a shape, in a type.
ERRORS = """
T((3,), 'long').lerp_(T((2, 3)), 0.5)
T((2,)).lerp_(T((2,)), T((2,), 'double'))
T((2,), 'bool').sub_(T((3, 2)))
T((2,), 'bool').sub_(-0.5)
T((2,), 'bool').pow_(-3)
T((1, 1), 'cfloat').fmod_(T((2, 3)))
T((1,)).bitwise_and_(T((2, 3)))
T((1, 1), 'bool').lt_(T((3, 1), 'cfloat'))
T((2,), 'cfloat').lt(T((3,)))
T((2,), 'cfloat') // T((3,))
T((2,), 'long').clamp_(0.5)
T((2,), 'int').clamp_min_(0.5)
T((2,), 'uint8').clamp_max_(T((2,)))
T((2,)).clamp_min_(2j)
torch.floor(T((3,), 'bool'), out=T((2,)))
torch.bitwise_not(T((2,)), out=T((2,), 'double'))
torch.frac(T((2,), 'long'), out=T((2,)))
torch.add(T((2,)), T((3,)), out=T((2,), 'long'))
torch.cross(T((3,)), T((4,), 'long'), dim=0)
torch.cross(T((2, 3)), T((3,), 'bool'), dim=5)
torch.cross(T((), 'bool'), T((), 'bool'), dim=0)
torch.cross(T((3,)), T((3,), 'long'), dim=0)
torch.linalg.cross(T((3,), 'bool'), T((3,), 'bool'))
T((0,)).amax(0)
T((0,)).amin(())
T((2, 0)).amax(-1)
T((2, 0, 0)).amin((-1, 1))
T((2, 2), 'cfloat').argmax(5)
T((2, 3), 'long').mean(7)
T((2, 0)).nanmedian(1)
T((), 'cfloat').kthvalue(1, 0).values
T((), 'cfloat').mode(0).values
T((), 'cfloat').cummax(0).values
T((2, 0)).cumsum(0, dtype=torch.bool)
T((2,)).cumsum(0, dtype=torch.bool)
T((2, 2, 2)).t_()
T(()).unflatten(0, (2, 1))
T((0,)).unflatten(0, (-1, 0))
T((4,)).unflatten(0, (-1, -1))
T((4,)).unflatten(0, (-2, 2))
T((4,)).unflatten(0, (3, -1))
T((1, 4)).expand(4)
T((2, 3), 'bool').expand(2)
T((2, 3), 'bfloat16').expand(2)
T(()).expand(-1)
T((1,)).expand(-2)
T((3,)).expand(-1, 3)
torch.nn.functional.unfold(T((1, 4)), 1)
torch.nn.functional.unfold(T(()), 1)
torch.nn.functional.unfold(T((1, 4, 4)), 5)
T((2,), 'long').requires_grad_(False).set_(T((2,)))
T((2,)).requires_grad_().set_(T((2,), 'long'))
T((2, 2))[0, 0, 1.5]
T((2, 2))[1.5]
T((2, 2))[2, 1.5]
T(())[1.5]
T((2, 2))[0, 'x']
T((2, 2))[b'xy']
torch.take_along_dim(T(()), torch.tensor(0), 0)
torch.take_along_dim(T((4, 0)), T((4, 0), 'long'), 1)
torch.meshgrid(T((2, 2)), T((2,), 'long'))
torch.meshgrid(T((2, 1, 2), 'bool'))
torch.meshgrid(torch.tensor([[1.5, -2, float('nan'), float('inf')]]))
torch.meshgrid(torch.tensor([[[1e10, -2], [0.5, 3]], [[1, 2], [3, 4]]]))
torch.meshgrid(torch.tensor([[123456.5, -2]]))
torch.meshgrid(torch.tensor([[1, -2000000]]))
torch.meshgrid(torch.tensor([[1.5 + 2j, -2 - 1e8j]]))
torch.meshgrid(torch.arange(60.0).reshape(2, 30) / 8)
torch.meshgrid(T((1, 0)))
T((2, 3), 'long').std(5)
torch.var_mean(T((2, 3), 'long'), 5)
T((2, 3), 'bool').var(0)
torch.meshgrid(T((1, 2)), T((2, 1)), indexing='xy')
torch.abs(T((2,), 'bool'), out=T((2,)))
torch.abs(T((2,), 'bool'))
torch.view_as_complex(T((3,), 'half'))
torch.view_as_complex(T((), 'half'))
torch.view_as_complex(T((2,), 'long'))
T((0, 2)).softmax(0, dtype=torch.int32)
T((2,), 'cfloat').scatter_reduce(0, torch.tensor([0]), T((2,), 'cfloat'), 'amax')
T((2, 3, 4)).index_add(2, torch.tensor([7]), T((2, 3, 1)))
T((2, 3, 4)).index_add(1, torch.tensor([7]), T((2, 1, 4)))
T((2,)).index_add(0, torch.tensor([7]), T((1,)))
T((2,)).requires_grad_().exp().backward(T((3,)))
""".strip().splitlines()

WARNINGS = """
T((2, 2))[[slice(0, 1)]]
T((2, 2))['x']
T((2, 2))[[[0], [1]]]
T((2, 2))[[0, 1]]
torch.add(T((2,), 'half'), T((2,), 'half'), out=T((7,)))
torch.add(T((2,)), T((2,)), out=T((7,)))
torch.eq(T((2,)), T((2,)), out=T((7,)))
torch.eq(T((2,)), T((2,)), out=T((7,), 'double'))
torch.logical_and(T((2,)), T((2,)), out=T((7,)))
torch.sigmoid(T((2,)), out=T((7,), 'bfloat16'))
torch.abs(T((2,)), out=T((7,)))
float(T((1,)).requires_grad_())
complex(T((1,)).requires_grad_())
int(T((1,)).requires_grad_())
float(T((2,)).requires_grad_())
torch.tensor([T((1,)).requires_grad_()])
T((2, 2), 'cfloat').cumsum(0, dtype=torch.float32)
T((2, 2), 'cfloat').cumprod(0, dtype=torch.bfloat16)
T((2, 2), 'cfloat').sum(dtype=torch.int64)
T((2, 0), 'cfloat').cumprod(0, dtype=torch.float16)
T((2,)).logical_and_(T((2,), 'cfloat'))
T((0,)).copy_(torch.tensor(1j))
T((1, 3), 'cfloat').var(0)
torch.std_mean(T((1, 3), 'cfloat'), 0)
T((1, 3, 0)).var(0)
T((3, 0)).std(1)
T((3,)).expand(2, 3).masked_fill_(T((2, 3), 'bool'), 1)
T((3,)).expand(2, 3).index_put_((torch.tensor([0]),), torch.tensor(1.0))
T((3,)).expand(2, 3).index_fill_(0, torch.tensor([0]), 1.0)
T((3,)).expand(2, 3).__setitem__(torch.tensor([0]), 2)
T((3,)).expand(2, 3)[:, :0].__setitem__(torch.tensor([0]), 2)
T((3,)).expand(2, 3).__setitem__(T((2, 3), 'bool'), 2)
""".strip().splitlines()

_PLACE = re.compile(r" \(Triggered internally at.*|\nException raised from .*", re.DOTALL)


@pytest.fixture(autouse=True)
def _every_warning() -> Iterator[None]:
    for library in (torch, tinytorch):
        library.set_warn_always(True)
    yield
    for library in (torch, tinytorch):
        library.set_warn_always(False)


def said(library: Any, program: str) -> Any:
    """What a program returns or raises, and its warnings."""

    def ones(shape: tuple[int, ...], kind: str = "float") -> Any:
        return library.ones(shape, dtype=getattr(library, kind))

    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        try:
            result = eval(program, {"torch": library, "T": ones})
            found: Any = (
                (str(result.dtype), str(result.tolist())) if hasattr(result, "tolist") else str(result)
            )
        except Exception as error:
            found = (type(error).__name__, _PLACE.sub("", str(error)))
    told = [(warning.category.__name__, _PLACE.sub("", str(warning.message))) for warning in caught]
    return repr((found, told)).replace("tinytorch.", "torch.")


@pytest.mark.parametrize("program", ERRORS)
def test_first_complaint(program: str) -> None:
    assert said(tinytorch, program) == said(torch, program)


@pytest.mark.parametrize("program", WARNINGS)
def test_warnings(program: str) -> None:
    assert said(tinytorch, program) == said(torch, program)


def test_names_of_types_without_a_legacy_class() -> None:
    def program(library: Any, kind: str) -> str:
        x = library.ones(2, dtype=getattr(library, kind), requires_grad=True)
        y = x.exp()
        y.mul_(2)
        with pytest.raises(RuntimeError) as stale:
            y.abs().sum().backward()
        x.register_hook(lambda grad: grad.to(library.complex128))
        with pytest.raises(RuntimeError) as hooked:
            x.abs().sum().backward()
        return f"{stale.value}\n{hooked.value}"

    for kind in ("bfloat16", "complex64", "float16", "float64"):
        assert program(tinytorch, kind) == program(torch, kind)
