"""`torch.tensor` over every kind of Python data, and plain values out of tensors, against torch."""

from __future__ import annotations

import copy
import pickle

import numpy as np
import pytest

torch = pytest.importorskip("torch")

import tinytorch

from .test_bridges import outcome

DATA = (
    """
[1, 2.5] | [True, 2] | [1, 2j] | [True, False] | [] | [[]] | [[], []] | () | range(3) | [range(2), range(2)] | [(1, 2), [3, 4]]
[[1, 2], [3]] | [[1], 2] | [1, [2]] | [1, [2, 3]] | [1, []] | 'a' | ['a'] | [1, 'a'] | b'ab' | [b'ab'] | bytearray(b'ab') | None | [None]
{} | {1: 2} | [{}] | {1, 2} | object | iter([1]) | torch.float32 | 2**63 | -2**63 - 1 | [2**63] | 2**64 | 1e300
[np.float32(1.5), 2] | [np.int64(1), 2] | [np.int8(1), np.int8(2)] | np.float64(1.5) | [np.bool_(True), False] | [np.arange(3), np.arange(3)]
[np.float32(1), np.float64(2)] | [np.zeros(2), [1., 2.]] | [np.zeros(2), torch.zeros(2)] | np.uint64(5) | np.uint32(5) | np.str_('a')
np.arange(3).astype('>i4') | np.arange(3)[::-1] | np.arange(6).reshape(2, 3).T | np.array(['a']) | np.array([None])
[torch.tensor(1.), 2] | [torch.tensor(1), 2.5] | [torch.tensor([1.]), torch.tensor([2.])] | [torch.zeros(2), torch.zeros(2)]
[torch.tensor([]), torch.tensor([])] | torch.zeros(2, 3).t() | torch.Size([1, 2]) | slice(1) | [[[[[[1]]]]]]
__import__('decimal').Decimal(1) | __import__('fractions').Fraction(1, 2) | __import__('collections').deque([1, 2]) | __import__('array').array('f', [1, 2])
""".replace("\n", " | ")
    .strip(" |")
    .split(" | ")
)

TYPED = (
    """
-1, torch.uint8 | -255, torch.uint8 | -256, torch.uint8 | 256, torch.uint8 | 128, torch.int8 | 2**31, torch.int32 | 70000, torch.uint16
-1, torch.uint32 | 2**32, torch.uint32 | 2**63, torch.uint64 | -1, torch.uint64 | 2**64, torch.uint64 | 3.7, torch.uint64 | 2**70, torch.int8
1.7, torch.int32 | -1.7, torch.int32 | 300., torch.uint8 | float('nan'), torch.int64 | 1e30, torch.int64 | float('nan'), torch.bool
1+2j, torch.float32 | 1+2j, torch.int32 | 1+2j, torch.bool | True, torch.complex64 | None, torch.float32 | [None], torch.int64 | {}, torch.float32
10**400, torch.float32 | 70000, torch.float16 | [500., 1.3], torch.float8_e4m3fn | [1.5], float | [1.5], 'float32' | [1, [2]], torch.float32
np.float32(1.7), torch.int32 | [np.float64(1.7)], torch.int64 | [torch.tensor(1.5)], torch.int32 | [torch.zeros(2)], torch.bool
""".replace("\n", " | ")
    .strip(" |")
    .split(" | ")
)

CALLS = (
    """
torch.tensor() | torch.tensor(1, 2) | torch.tensor(data=1) | torch.tensor(1, foo=2) | torch.tensor([1], requires_grad=True)
torch.tensor([1.], requires_grad=1) | torch.tensor([1.], pin_memory=True) | torch.tensor([1.], device='meta') | torch.tensor([1.], device='cuda')
torch.tensor([1.], device=3.5) | torch.tensor([1.], device='foo') | torch.Tensor([1j]) | torch.Tensor([[1, 2], [3]]) | torch.ByteTensor([256])
torch.Tensor(torch.Size([2, 3])).shape | torch.LongTensor([1.5]) | torch.ones(2).new_tensor([1, 2], dtype=torch.int8)
1 in torch.arange(3) | 'a' in torch.arange(3) | np.int64(1) in torch.arange(3) | list(reversed(torch.arange(3))) | len(torch.tensor(1))
int(torch.tensor(1j)) | float(torch.tensor(1+0j)) | float(torch.zeros(2)) | [1, 2, 3][torch.tensor(1)] | [1, 2, 3][torch.tensor(1.)]
torch.zeros(2) == None | torch.zeros(2) == [0, 0] | torch.zeros(2) + 'a' | [1, 2] + torch.zeros(2) | ~torch.ones(2) | pow(torch.ones(2), 2, 3)
f'{torch.tensor(1.5):.3f}' | f'{torch.tensor([1.5]):.3f}' | '%d' % torch.tensor(3) | torch.zeros(2).type() | torch.zeros(2, device='meta').type()
torch.zeros(2).is_nonzero() | torch.zeros(2, 3).stride('a') | torch.zeros(2, 3).size('a') | torch.result_type(1, 2.) | torch.result_type(torch.zeros(2), None)
torch.can_cast(1, 2) | torch.promote_types(torch.float32, 1) | torch.set_default_dtype(torch.int32) | torch.set_default_dtype(float)
""".replace("\n", " | ")
    .strip(" |")
    .split(" | ")
)


@pytest.mark.parametrize("data", DATA)
def test_inferred(data: str) -> None:
    program = f"torch.tensor({data})"
    assert outcome(tinytorch, program) == outcome(torch, program)


@pytest.mark.parametrize("typed", TYPED)
def test_of_a_given_type(typed: str) -> None:
    data, _, kind = typed.rpartition(", ")
    program = f"torch.tensor({data}, dtype={kind})"
    assert outcome(tinytorch, program) == outcome(torch, program)


@pytest.mark.parametrize("program", CALLS)
def test_calls(program: str) -> None:
    assert outcome(tinytorch, program) == outcome(torch, program)


@pytest.mark.parametrize(
    "name", ["shape", "dtype", "device", "ndim", "layout", "is_leaf", "grad_fn", "is_cuda"]
)
def test_attributes_that_cannot_be_set(name: str) -> None:
    texts = []
    for library in (tinytorch, torch):
        with pytest.raises(AttributeError) as error:
            setattr(library.zeros(2), name, 3)
        texts.append(str(error.value))
    assert texts[0] == texts[1]


def test_identity_and_hash() -> None:
    tensor = tinytorch.zeros(2)
    assert hash(tensor) == id(tensor)
    assert {tensor: 1}[tensor] == 1


def test_copies() -> None:
    base = tinytorch.arange(6.0)
    a, b = copy.deepcopy((base, base[2:]))
    a[2] = 9
    assert b.tolist() == [9, 3, 4, 5]
    shallow = copy.copy(base)
    shallow[0] = 5
    assert base[0] == 5
    assert shallow is not base
    wanting = tinytorch.ones(2, requires_grad=True)
    wanting.grad = tinytorch.ones(2)
    twin = copy.deepcopy(wanting)
    assert twin.is_leaf
    assert twin.grad.tolist() == [1, 1]
    with pytest.raises(RuntimeError, match="Only Tensors created explicitly by the user"):
        copy.deepcopy(wanting * 2)


@pytest.mark.parametrize("protocol", range(pickle.HIGHEST_PROTOCOL + 1))
def test_pickles(protocol: int) -> None:
    for tensor in (
        tinytorch.arange(6.0).view(2, 3).t(),
        tinytorch.arange(6)[2:4],
        tinytorch.ones(2, requires_grad=True),
        tinytorch.ones(2, requires_grad=True) * 2,
        tinytorch.zeros(2, dtype=tinytorch.bfloat16),
        tinytorch.zeros(2, 3, device="meta"),
    ):
        tensor.mark = [1]
        again = pickle.loads(pickle.dumps(tensor, protocol))
        assert (again.shape, again.stride(), again.dtype, again.device, again.requires_grad, again.mark) == (
            tensor.shape,
            tensor.stride(),
            tensor.dtype,
            tensor.device,
            tensor.requires_grad,
            [1],
        )
        assert again.storage_offset() == tensor.storage_offset()
        assert again.is_meta or again.tolist() == tensor.tolist()


def test_a_pickle_needs_no_torch(tmp_path) -> None:
    import subprocess
    import sys

    (tmp_path / "p").write_bytes(pickle.dumps(tinytorch.arange(3)))
    program = f"import pickle, sys; t = pickle.load(open({str(tmp_path / 'p')!r}, 'rb')); print(t, 'torch' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout == "tensor([0, 1, 2]) False\n"


def test_numpy_arrays_stay_apart() -> None:
    array = np.arange(3)
    tensor = tinytorch.tensor(array)
    array[0] = 5
    assert tensor.tolist() == [0, 1, 2]
