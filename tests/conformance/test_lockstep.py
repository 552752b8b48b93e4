"""Short programs run statement by statement under both libraries: whatever can be seen of every variable is the same after each.

A program is what stands between two empty lines. Its statements may fail: then both libraries fail, in the same words, and go on.
"""

from __future__ import annotations

import numpy as np
import pytest

pytest.importorskip("torch")

from conformance.engine import load, reference
from conformance.fuzz.lockstep import run
from conformance.fuzz.program import Statement

OUT_THAT_IS_AN_OPERAND = """
v1 = torch.tensor([2.0])
torch.add(v1, torch.ones(3, 2), out=v1)

v1 = torch.tensor(3)
torch.eq(v1, torch.ones(2, 2), out=v1)

v1 = torch.tensor([7, 6])
torch.maximum(torch.ones(3, 2, dtype=torch.int64), v1, out=v1)

v1 = torch.ones(4, dtype=torch.int32)
torch.add(v1, torch.ones(3, 4), out=v1)

v1 = torch.ones(2)
torch.true_divide(v1, torch.ones(3, 2), out=v1)

v1 = torch.ones(2, 3)
v2 = v1.view(3, 2)
torch.add(v1, v1, out=v2)

v1 = torch.ones(3)
v2 = v1[1]
torch.mul(v2, v2, out=v1)

v1 = torch.ones(3)
torch.multiply(v1[1:], 2.0, out=v1[:2])

v1 = torch.ones(3)
torch.sub(v1, 1, out=v1[:1].expand(4))

v1 = torch.arange(4.0)
torch.add(v1, v1, out=v1.view(torch.int32))

v1 = torch.arange(4.0)
v2 = v1.view(4)
torch.add(v1, v1, out=v2)
v1.add_(v1)
"""

IN_PLACE_HISTORY = """
v1 = torch.ones(3, requires_grad=True)
v2 = v1 * 2
v2.lt_(v1)

v1 = torch.ones(3, requires_grad=True)
v2 = torch.ones(3)
v2.eq_(v1)
v2.ge_(1)

v1 = torch.ones(3, requires_grad=True)
v2 = v1 * 2
v2.greater_(1)
v3 = v2 * v1

v1 = torch.ones(3, requires_grad=True)
v1.logical_not_()
v1.logical_and_(v1)
v2 = v1 * 2
v2.logical_or_(v1)
v1.ne_(1)

v1 = torch.ones(3, requires_grad=True)
v2 = torch.ones(3)
v2.heaviside_(v1)
v2.sum().backward()

v1 = torch.ones(3, requires_grad=True)
v2 = v1 // 2
v2 //= 2
v2.sum().backward()

v1 = torch.ones(3, requires_grad=True)
v2 = 2 % v1
"""

COUNTED_WRITES = """
v1 = torch.zeros(1, 2)
v2 = v1.detach()
v1.resize_(2, 1)
v1.resize_(2, 1)
v1.resize_as_(torch.zeros(1))

v1 = torch.inference_mode()(lambda: torch.arange(3.0))()
v1.exp_()
v1.addcmul_(v1, v1)
v1.resize_(2)
v1[0] = 9
v1.unsqueeze_(0)
torch.mul(v1, 2, out=v1)
v2 = v1.add(1)
"""


WRITES_OVER_OPERANDS = """
v1 = torch.arange(4)
v1[torch.tensor([0, 1])] = v1[1:3]
v1[torch.tensor(True)] = v1
v1[v1[:2]] = 3
v1.index_put_((v1[:2],), torch.tensor(7), True)
v1[1:] = v1[:3]
v1.index_add_(0, v1, torch.ones(4, dtype=torch.int64))
v1.scatter_(0, torch.tensor([0, 1]), v1[2:])
v1.index_fill_(0, v1[:1], 5)
v1.put_(torch.tensor([0]), v1[1:2])
v1.masked_fill_(v1 > 1, v1[0])

v1 = torch.tensor([True, False, True])
v1[:2].masked_fill_(v1[1:], True)
v1[:2][v1[1:]] = False
v1[v1] = True

v1 = torch.ones(1).expand(3)
v1.fill_(torch.tensor(2.0))
v1.fill_(3)
v1[0:2] = 5.0

v1 = torch.arange(8.0).view(2, 4)
v2 = v1.view(torch.int32)
v1.add_(v2)
v1.copy_(v2)
"""

WHOLE_NUMBERS_AND_HISTORY = """
v1 = torch.tensor([1.5, 2.5], requires_grad=True)
v2 = v1.sum(dtype=torch.int64)
v3 = v1.cumsum(0, dtype=torch.int64)
v4 = v1.to(torch.int64)
v5 = v1.nanmean(dtype=torch.int64)

v1 = torch.tensor(1.5, requires_grad=True)
v2 = torch.ones(3, dtype=torch.int64)
v2.copy_(v1)
v2[0] = v1
v2.fill_(v1)
v3 = v2.sum()

v1 = torch.tensor(1.5, requires_grad=True)
v2 = torch.ones(3, dtype=torch.bool)
v2.eq_(v1)

v1 = torch.tensor([1.5, 2.5], requires_grad=True)
v2 = v1.view(torch.int32)
v3 = (v1 * 2).view(torch.complex64)
v3.mul_(2)
v4 = v1.view(torch.float32)

v1 = torch.ones(3, requires_grad=True)
v2 = torch.nn.functional.huber_loss(v1, torch.ones(3, dtype=torch.int64))
v2.backward()

v1 = torch.tensor([0.5, 0.25, 0.75], requires_grad=True)
v2 = torch.nn.functional.mse_loss(v1, torch.tensor([1.0, 0.0, 1.0], dtype=torch.float16))
v2.backward()
"""

FLAGS_AND_SOURCES = """
v1 = torch.ones(2, requires_grad=True)
v2 = v1 * 2
v2.requires_grad = True
v2.requires_grad = False
v2.requires_grad_()

v1 = torch.ones(2, requires_grad=True)
v2 = torch.zeros(3)
v2.set_(v1)
v3 = v1 * 2
v3.set_(torch.zeros(3))
v3.sum().backward()

v1 = torch.tensor([1.0 - 2.0j, 3.0])
torch.abs(v1, out=v1)
torch.abs(v1, out=torch.empty(2, dtype=torch.float64))
torch.abs(v1, out=torch.empty(2, dtype=torch.complex128))
"""

TRANSFORMS = """
v1 = torch.ones(2, requires_grad=True)
v2 = torch.func.jvp(lambda x: x.exp(), (v1,), (v1,))
v3 = torch.func.jvp(lambda x: x, (torch.zeros(2),), (v1,))

v1 = torch.zeros(2).expand(3, 2)
v2 = torch.func.jvp(lambda x: x * 2, (v1,), (torch.ones(3, 2),))
v3 = torch.func.jvp(lambda x: x * 2, (torch.zeros(3, 2).t(),), (torch.ones(2, 3),))

v1 = torch.zeros(0)
v2 = torch.autograd.functional.jacobian(lambda x: x ** 2, v1)
"""

ZEROS_AND_NANS = """
v1 = torch.tensor([float("nan"), 0.0, -2.0], requires_grad=True)
v2 = v1.copysign(v1)
v3 = v1.copysign(-1.0)

m1 = torch.nn.Conv1d(0, 2, 1)
v1 = torch.rand(2)

v1 = torch.tensor([[0.5, float("inf")], [-float("inf"), 1.0], [float("nan"), 2.0]])
v2 = v1.view(1, 1, 3, 2)
v3 = torch.nn.functional.scaled_dot_product_attention(v2, v2, v2)
v4 = torch.nn.functional.scaled_dot_product_attention(v2, v2, v2, is_causal=True)
v5 = torch.tensor([[False] * 3, [True] * 3, [True, False, True]])
v6 = torch.nn.functional.scaled_dot_product_attention(v2, v2, v2, v5)

v1 = torch.full((1, 1, 16, 2), float("nan"))
v2 = torch.nn.functional.scaled_dot_product_attention(v1, v1, v1)
v3 = torch.nn.functional.scaled_dot_product_attention(v1.double(), v1[:, :, :7].double(), v1[:, :, :7].double())

v1 = torch.ones(1, 2, 3, 0, requires_grad=True)
v2 = torch.nn.functional.scaled_dot_product_attention(v1, v1, v1)
v3 = torch.nn.functional.scaled_dot_product_attention(v1, v1, torch.ones(1, 2, 3, 2))

v1 = torch.tensor([complex(0, 0), complex(float("inf"), 1), complex(1, float("inf"))])
v2 = v1 + v1
v3 = v1 - v1.flip(0)
v4 = 1 - v1
v5 = torch.pow(v1, torch.tensor(0j))
v6 = torch.pow(v1, v1[0])
v7 = v1.sgn()
v1 += v1.flip(0)
v8 = v1[0].sgn()
v9 = torch.tensor(-2.0j).sgn()
"""

NUMBERS_BESIDE_TENSORS = """
v1 = torch.tensor([1, 0, 200], dtype=torch.uint8)
v2 = v1 < -3
v3 = v1 | -3
v4 = v1 + 300
v5 = v1 == 2**40
v6 = v1.clamp(max=300)
v6 = v1.clamp(min=-(2**40))
v1.bitwise_and_(-3)
v1.fill_(300)

v1 = torch.ones(2)
v2 = torch.addcmul(v1, v1, v1, value=2j)
v2 = torch.lerp(v1, v1, 2j)
v3 = torch.ones(2, dtype=torch.int64)
v3.addcmul_(v3, v3, value=float("nan"))

v1 = torch.ones(2, requires_grad=True)
v2 = v1 % 1.5
v3 = v1 * 1
v3 %= 2
v4 = torch.tensor(0)
v5 = v4.nextafter(v1)
v4.eq_(1)

v1 = torch.tensor([4, 0])
v1.fmod_(v1)
v2 = torch.nn.functional.dropout(v1, 0.5)
v3 = torch.rand(2)
"""

WITHOUT_ELEMENTS = """
v1 = torch.ones(2, 0)
v1.index_add_(0, torch.tensor([0, 1]), v1)
v1[torch.tensor([0, 1]), ...] = v1

v1 = torch.ones(0, requires_grad=True)
v2 = torch.einsum("i,j->ij", v1, v1)
v3 = torch.einsum("i,i->", v1, v1)
v4 = torch.ones(2, requires_grad=True).repeat_interleave(0, 0)
v5 = torch.tensor(1.0).repeat_interleave(3, 0)
v5 = torch.tensor(1.0).repeat_interleave(torch.tensor(3), 0)

v1 = torch.ones(4, 0)
v2 = torch.take_along_dim(v1, torch.zeros(4, 0, dtype=torch.int64), 1)
v3 = torch.linalg.matrix_norm(v1, 1)
v4 = torch.linalg.matrix_norm(v1, 2)
v5 = v1.view(torch.uint8)
v6 = v1.view(torch.complex64)
v7 = torch.nn.functional.instance_norm(torch.ones(4, 3, 0))
v8 = torch.nn.functional.conv1d(torch.ones(1, 1, 0), torch.ones(2, 1, 1), padding=1)

v1 = torch.ones(2, 0, requires_grad=True)
v2 = v1.H
v2.set_(v2)

v1 = torch.ones(0, dtype=torch.complex64, requires_grad=True)
v2 = v1.scatter_reduce(0, torch.zeros(0, dtype=torch.int64), v1, "sum")

v1 = torch.ones(3, 0, dtype=torch.int32)
v2 = v1 % 0
v1.floor_divide_(torch.tensor(False))

v1 = torch.ones(2, 0, requires_grad=True)
v2 = torch.linalg.matrix_norm(v1, 1)
"""

REFUSED_HISTORIES = """
v1 = torch.ones(2, 2, requires_grad=True) * 2
v2 = torch.view_as_complex(v1)
v1.fill_(2.5)
v3 = torch.ones(2, dtype=torch.complex64, requires_grad=True) * 2
v4 = torch.view_as_real(v3)
v3.mul_(2)

v1 = torch.ones(2, dtype=torch.complex64, requires_grad=True)
v2 = torch.nan_to_num(v1)
v3 = torch.nn.functional.silu(v1)
v4 = v1 * 1
v4.nan_to_num_()

v1 = torch.ones(2, 2, 2)
v2 = v1.squeeze((0, -3))
"""

INFINITE_NUMBERS = """
v1 = torch.tensor([[1.0, float("inf")], [2.0, 3.0], [4.0, 5.0]])
v2 = torch.std_mean(v1, 0)
v3 = torch.var_mean(v1, 1)
v4 = torch.var_mean(v1.cfloat())
v5 = torch.linalg.svdvals(v1)
v6 = torch.linalg.matrix_norm(torch.stack([v1, v1.nan_to_num(posinf=9.0)]), 2)
v7 = torch.lgamma(-v1)

v1 = torch.tensor([-3.0, -2.0, 0.5, -float("inf")], requires_grad=True)
v2 = v1.digamma()
v3 = v1.acosh()

v1 = torch.tensor([0.0, 2.0, float("nan"), 0.0], requires_grad=True)
v2 = v1.prod()

v1 = torch.tensor([float("nan"), 1.0] * 10, requires_grad=True)
v2 = torch.nn.functional.hardshrink(v1)
v3 = torch.nn.functional.softshrink(v1)
v4 = torch.nn.functional.hardtanh(v1)
v5 = torch.nn.functional.relu6(v1.view(4, 5).t())
"""


def programs(*texts: str) -> list[str]:
    return [part.strip() for text in texts for part in text.strip().split("\n\n")]


PROGRAMS = programs(
    OUT_THAT_IS_AN_OPERAND,
    IN_PLACE_HISTORY,
    COUNTED_WRITES,
    WRITES_OVER_OPERANDS,
    WHOLE_NUMBERS_AND_HISTORY,
    FLAGS_AND_SOURCES,
    TRANSFORMS,
    ZEROS_AND_NANS,
    NUMBERS_BESIDE_TENSORS,
    WITHOUT_ELEMENTS,
    REFUSED_HISTORIES,
    INFINITE_NUMBERS,
)


@pytest.mark.parametrize("program", PROGRAMS)
def test_every_statement_does_the_same(program: str) -> None:
    statements = tuple(Statement(line) for line in program.splitlines())
    with np.errstate(all="ignore"):
        assert run(reference(), load("tinytorch"), statements) is None
