"""`torch.testing`: what is close, what the report says, what make_tensor draws, against torch."""

from __future__ import annotations

import pytest

torch = pytest.importorskip("torch")

import tinytorch

from .test_bridges import outcome

PROGRAMS = """
torch.testing.assert_close(torch.ones(2), torch.ones(2))
torch.testing.assert_close(torch.tensor([1.,2.,3.]), torch.tensor([1.,2.,4.]))
torch.testing.assert_close(torch.tensor([1.,2.,3.]), torch.tensor([1.,2.,3.00001]))
torch.testing.assert_close(torch.tensor([[1,2]]), torch.tensor([[1,3]]))
torch.testing.assert_close(torch.tensor(1.), torch.tensor(2.))
torch.testing.assert_close(torch.tensor(1), torch.tensor(2))
torch.testing.assert_close(1., 2.)
torch.testing.assert_close(1, 2)
torch.testing.assert_close(1., 1.+1e-9)
torch.testing.assert_close(1, 1.)
torch.testing.assert_close(True, False)
torch.testing.assert_close(None, None)
torch.testing.assert_close(None, 1)
torch.testing.assert_close("a", "a")
torch.testing.assert_close("a", 1)
torch.testing.assert_close(torch.ones(2), torch.ones(3))
torch.testing.assert_close(torch.ones(2), torch.ones(2).double())
torch.testing.assert_close(torch.ones(2), torch.ones(2).double(), check_dtype=False)
torch.testing.assert_close(torch.ones(2,3), torch.ones(3,2).t(), check_stride=True)
torch.testing.assert_close(torch.ones(2), torch.ones(2,device="meta"))
torch.testing.assert_close([torch.ones(2), torch.ones(1)], [torch.ones(2), torch.zeros(1)])
torch.testing.assert_close([1.], [1., 2.])
torch.testing.assert_close({"a": torch.ones(1)}, {"a": torch.zeros(1)})
torch.testing.assert_close({"a": 1}, {"b": 1})
torch.testing.assert_close({"a": [1, 2.]}, {"a": [1, 3.]})
torch.testing.assert_close(torch.tensor([float("nan")]), torch.tensor([float("nan")]))
torch.testing.assert_close(torch.tensor([float("nan")]), torch.tensor([float("nan")]), equal_nan=True)
torch.testing.assert_close(torch.tensor([float("inf")]), torch.tensor([float("inf")]))
torch.testing.assert_close(torch.tensor([float("inf")]), torch.tensor([1.]))
torch.testing.assert_close(torch.ones(2), torch.zeros(2), rtol=0.1)
torch.testing.assert_close(torch.ones(2), torch.zeros(2), rtol=0, atol=0)
torch.testing.assert_close(torch.ones(2), torch.zeros(2), rtol=0.1, atol=0.2)
torch.testing.assert_close(torch.ones(2), torch.zeros(2), msg="hello")
torch.testing.assert_close(torch.ones(2), torch.zeros(2), msg=lambda m: m + "!!")
torch.testing.assert_close(np.ones(2), np.zeros(2))
torch.testing.assert_close(np.ones(2), torch.ones(2))
torch.testing.assert_close(torch.ones(2), np.ones(2))
torch.testing.assert_close(torch.ones(1), 1.)
torch.testing.assert_close(torch.tensor([1j]), torch.tensor([2j]))
torch.testing.assert_close(torch.tensor([True]), torch.tensor([False]))
torch.testing.assert_close(torch.ones(2).bfloat16(), torch.zeros(2).bfloat16())
torch.testing.assert_close(torch.ones(2).half(), torch.ones(2).half()*1.0009)
torch.testing.assert_close(torch.tensor([1.5]), torch.tensor([1.5001]))
torch.testing.assert_close(torch.tensor([[1.,2.],[3.,4.]]), torch.tensor([[1.,2.5],[3.,5.]]))
torch.testing.assert_close(torch.nn.Parameter(torch.ones(1)), torch.ones(1))
torch.testing.assert_close(torch.nn.Parameter(torch.ones(1)), torch.ones(1), allow_subclasses=False)
torch.manual_seed(0); torch.testing.make_tensor(3, dtype=torch.float32, device="cpu")
torch.manual_seed(0); torch.testing.make_tensor((2,3), dtype=torch.float64, device="cpu", low=0, high=1)
torch.manual_seed(0); torch.testing.make_tensor((2,3), dtype=torch.int64, device="cpu")
torch.manual_seed(0); torch.testing.make_tensor((2,3), dtype=torch.bool, device="cpu")
torch.manual_seed(0); torch.testing.make_tensor((2,3), dtype=torch.complex64, device="cpu")
torch.manual_seed(0); torch.testing.make_tensor((2,3), dtype=torch.uint8, device="cpu")
torch.manual_seed(0); torch.testing.make_tensor((2,3), dtype=torch.bfloat16, device="cpu", requires_grad=True)
torch.manual_seed(0); torch.testing.make_tensor((2,3), dtype=torch.float32, device="cpu", noncontiguous=True)
torch.manual_seed(0); torch.testing.make_tensor((2,3), dtype=torch.int8, device="cpu", exclude_zero=True, low=0, high=2)
torch.testing.make_tensor((2,3), dtype=torch.int8, device="cpu", low=2, high=1)
torch.testing.make_tensor((2,3), dtype=torch.int8, device="cpu", requires_grad=True)
""".strip().splitlines()


@pytest.mark.parametrize("program", PROGRAMS)
def test_as_torch(program: str) -> None:
    assert outcome(tinytorch, program) == outcome(torch, program)
