"""NumPy, DLPack and buffers: what is shared, what is copied, what is refused, against torch."""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np
import pytest

torch = pytest.importorskip("torch")

import tinytorch


def outcome(library: Any, program: str) -> Any:
    """What evaluating `program` shows: type, values, strides, or the error."""
    space = {"torch": library, "np": np}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            for statement in program.split(";")[:-1]:
                exec(statement.strip(), space)
            return described(eval(program.split(";")[-1].strip(), space))
        except Exception as error:
            return type(error).__name__, str(error)


def described(value: Any) -> Any:
    if isinstance(value, torch.Tensor | tinytorch.Tensor):
        held = None if value.is_meta else value.detach().tolist()
        return (
            "tensor",
            str(value.dtype),
            tuple(value.shape),
            value.stride(),
            str(value.device),
            value.requires_grad,
            repr(held),
        )
    if isinstance(value, np.ndarray | np.generic):
        return "array", str(value.dtype), value.shape, value.strides, value.tolist()
    if isinstance(value, tuple | list):
        return [described(item) for item in value]
    return repr(value)


PROGRAMS = """
a = np.arange(6.).reshape(2, 3); t = torch.from_numpy(a); a[0, 0] = 9; t
torch.from_numpy(np.arange(6).reshape(2, 3).T)
torch.from_numpy(np.arange(6)[::-1])
torch.from_numpy(np.arange(6).astype('>i4'))
torch.from_numpy(np.array(['a']))
torch.from_numpy(np.float32(3))
torch.from_numpy(np.zeros(2, dtype=[('a', 'f4'), ('b', 'i4'), ('c', 'i2')])['b'])
a = np.arange(3); a.flags.writeable = False; torch.from_numpy(a).add_(1)
a = np.arange(3); t = torch.as_tensor(a); a[0] = 5; t
a = np.arange(3); t = torch.tensor(a); a[0] = 5; t
torch.as_tensor(np.arange(3)[::-1])
torch.asarray(np.arange(3), dtype=torch.float32, copy=False)
torch.asarray([1, 2], copy=False)
torch.asarray(torch.arange(3), dtype=torch.float32, copy=False)
torch.asarray([1, 2], requires_grad=True)
torch.asarray(memoryview(bytearray(b'abcd')), dtype=torch.int16)
torch.as_tensor([1], torch.float64)
torch.arange(3.).requires_grad_().numpy()
torch.arange(3.).bfloat16().numpy()
torch.zeros(2, device='meta').numpy()
torch.zeros(2, device='meta').numpy(force=True)
np.asarray(torch.arange(3.), dtype='f8')
np.array(torch.arange(3.), copy=False)
torch.arange(3.).__array_wrap__(np.array([True, False]))
torch.arange(3.) + np.arange(3.)
np.arange(3.) + torch.arange(3.)
np.arange(3.) - torch.arange(3.)
np.float32(2) * torch.arange(3.)
np.float64(2.5) * torch.arange(3)
torch.arange(3) + np.bool_(True)
torch.arange(3) ** np.int64(2)
np.int64(2) ** torch.arange(3)
np.float32(1) - torch.ones(2)
1 - torch.ones(2)
torch.arange(3) == np.arange(3)
np.arange(3) == torch.arange(3)
torch.arange(3) != np.arange(3)
torch.arange(3) < np.arange(3)
np.arange(3) @ torch.arange(3)
t = torch.arange(3.); t += np.float64(2); t
a = np.arange(3.); a *= torch.tensor(2.); a
np.sin(torch.arange(3.))
np.isnan(torch.arange(3.))
np.concatenate([torch.arange(3.), torch.arange(2.)])
np.where(torch.arange(3.) > 1, 1, 2)
np.arange(5)[torch.tensor(1):torch.tensor(3)]
np.from_dlpack(torch.arange(6.).view(2, 3).t())
np.from_dlpack(torch.arange(3.).requires_grad_())
torch.from_dlpack(np.arange(6.).reshape(2, 3).T)
t = torch.arange(3.); u = torch.from_dlpack(t); u[0] = 5; t
torch.from_dlpack(torch.to_dlpack(torch.arange(3.)))
torch.from_dlpack(torch.arange(3.).requires_grad_())
torch.from_dlpack([1])
torch.from_dlpack(np.arange(3), device='cuda')
torch.arange(3.).__dlpack_device__()
torch.zeros(2, device='meta').__dlpack_device__()
torch.zeros(2, device='meta').__dlpack__()
torch.arange(3.).__dlpack__(stream=1)
torch.frombuffer(bytearray(b'abcdefgh'), dtype=torch.int32, offset=4)
torch.frombuffer(bytearray(b'abcdefgh'), dtype=torch.int32, offset=1)
torch.frombuffer(bytearray(b'abcdefgh'), dtype=torch.int32, count=0)
torch.frombuffer(bytearray(b'abcdefgh'), dtype=torch.int32, count=3)
torch.frombuffer(bytearray(b''), dtype=torch.int32)
torch.frombuffer(bytearray(b'abcdefgh'))
torch.frombuffer([1], dtype=torch.int32)
torch.frombuffer(bytearray(b'abcdefgh'), dtype=torch.int32, requires_grad=True)
b = bytearray(b'abcdefgh'); t = torch.frombuffer(b, dtype=torch.uint8); t[0] = 65; b
""".strip().splitlines()


@pytest.mark.parametrize("program", PROGRAMS)
def test_as_torch(program: str) -> None:
    assert outcome(tinytorch, program) == outcome(torch, program)


def test_numpy_shares_memory() -> None:
    tensor = tinytorch.arange(3.0)
    tensor.numpy()[0] = 7
    np.asarray(tensor)[1] = 8
    assert tensor.tolist() == [7.0, 8.0, 2.0]


def test_read_only_memory_is_remarked_upon_once() -> None:
    program = (
        "import warnings, numpy as np, tinytorch\n"
        "a = np.arange(3); a.flags.writeable = False\n"
        "with warnings.catch_warnings(record=True) as told:\n"
        "    warnings.simplefilter('always')\n"
        "    tinytorch.tensor(a); tinytorch.from_numpy(a); tinytorch.from_numpy(a)\n"
        "print(len(told), str(told[0].message)[:38])\n"
    )
    import subprocess
    import sys

    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout == "1 The given NumPy array is not writable,\n"


def test_numpy_of_what_requires_grad() -> None:
    """Refused while gradients are recorded, shared memory otherwise, as in torch."""
    outcomes = []
    for library in (torch, tinytorch):
        leaf = library.ones(2, requires_grad=True)
        found = []
        for context in (library.no_grad, library.inference_mode, library.enable_grad):
            for tensor in (leaf, leaf.view(-1)):
                with context():
                    try:
                        tensor.numpy()[0] = 5.0
                        found.append(leaf.tolist())
                    except RuntimeError as error:
                        found.append(str(error))
        library.utils.dlpack.to_dlpack(leaf)
        outcomes.append(found)
    assert outcomes[0] == outcomes[1]
