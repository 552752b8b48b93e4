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


def programs(*texts: str) -> list[str]:
    return [part.strip() for text in texts for part in text.strip().split("\n\n")]


@pytest.mark.parametrize("program", programs(OUT_THAT_IS_AN_OPERAND, IN_PLACE_HISTORY, COUNTED_WRITES))
def test_every_statement_does_the_same(program: str) -> None:
    statements = tuple(Statement(line) for line in program.splitlines())
    with np.errstate(all="ignore"):
        assert run(reference(), load("tinytorch"), statements) is None
