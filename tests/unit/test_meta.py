"""Tensors without data, devices that are not there, and questions about types, against torch."""

from __future__ import annotations

import pytest

torch = pytest.importorskip("torch")

import tinytorch

from .test_bridges import outcome

META = (
    """
m(2, 3) + 1 | m(2, 3) + torch.tensor(1.) | torch.tensor(1.) + m(2, 3) | m(2, 3) + torch.ones(3) | torch.ones(3) + m(2, 3) | m(2, 3) @ m(3, 4)
m(2, 3).sum(1) | m(2, 3).mean(0, keepdim=True) | m(2, 3).t() | m(2, 3).view(3, 2) | m(2, 3)[0] | m(2, 3)[:, 1:] | m(2, 3)[torch.tensor([0])]
m(2, 3).item() | m().item() | bool(m()) | float(m()) | m(2).tolist() | m(2).cpu() | torch.ones(2).to('meta') | m(2).clone() | m(2).to(torch.int8)
m(2).copy_(torch.zeros(2)) | torch.ones(2).copy_(m(2)) | m(2).add_(1) | m(2).zero_() | torch.zeros_like(m(2)) | m(2).new_zeros(3)
torch.rand(2, device='meta') | torch.arange(5, device='meta') | torch.eye(3, device='meta') | torch.tensor([1], device='meta')
torch.cat([m(2), m(3)]) | torch.stack([m(2), m(2)]) | m(4).split(3) | m(2, 3, 4).permute(2, 0, 1) | m(2, 3).cumsum(0) | m(2, 3).sort()[0]
m(2, 3).softmax(0) | torch.where(m(2) > 0, 1., 0.) | torch.einsum('ij,jk->ik', m(2, 3), m(3, 4)) | m(2).data_ptr() | m(4)[1:].storage_offset()
repr(m(2)) | list(m(2, 3)) | 1 in m(2) | m(2, 3, 4, 5).to(memory_format=torch.channels_last) | m(2).untyped_storage().nbytes()
torch.cat([m(2), torch.ones(2)]) | torch.dot(torch.ones(2), m(2)) | torch.addmm(m(2, 2), torch.ones(2, 2), torch.ones(2, 2))
torch.nn.functional.layer_norm(m(2, 2), (2,), torch.ones(2)) | torch.nn.functional.mse_loss(m(2), torch.ones(2)) | m(2).masked_fill(torch.ones(2) > 0, 1)
torch.nn.functional.cross_entropy(m(2, 2), torch.tensor([0, 1])) | torch.ones(2).index_add(0, torch.tensor([0]), m(1))
torch.ones(2, 3).masked_fill_(torch.ones(5) > 0, 1) | torch.ones(2, 3).masked_fill(torch.ones(5) > 0, 1)
m(10**12).shape | (m(10**6, 10**6) + 1).shape | (m(10**6, 10**6) @ m(10**6, 10**6)).shape | m(10**6, 10**6).sum(1).shape
m(10**6, 10**6).t().contiguous().stride() | m(10**6, 10**6).relu().softmax(-1).shape | m(10**6, 10**6).clone().double().stride()
""".replace("\n", " | ")
    .strip(" |")
    .split(" | ")
)

PLACES = (
    """
torch.zeros(2).to('cuda') | torch.zeros(2).to('cuda:0') | torch.zeros(2).cuda() | torch.zeros(2).to('mps') | torch.zeros(2).xpu()
torch.zeros(2, device='cuda') | torch.rand(2, device='cuda') | torch.zeros(2).new_zeros(2, device='cuda') | torch.as_tensor([1], device='cuda')
torch.zeros(2, device=1) | torch.zeros(2).to('foo') | torch.zeros(2).to('cpu:1').device | torch.device('cuda:0').index | torch.zeros(2).pin_memory()
[[torch.can_cast(a, b) for a in (torch.bool, torch.uint8, torch.int64, torch.float32)] for b in (torch.bool, torch.uint8, torch.float16)]
torch.result_type(torch.zeros(2, dtype=torch.int8), 3.5) | torch.result_type(torch.tensor(1.), torch.zeros(2, dtype=torch.int8))
torch.promote_types(torch.uint16, torch.float32) | torch.promote_types(torch.uint16, torch.int8) | torch.promote_types(torch.float8_e5m2, torch.float32)
torch.ones(3, dtype=torch.uint16)[1:] | torch.zeros(2, dtype=torch.uint16).to(torch.int32) | torch.ones(2, dtype=torch.float8_e4m3fn).float()
torch.ones(2, dtype=torch.float8_e4m3fn).view(torch.uint8) | torch.tensor([500., 1e9]).to(torch.float8_e4m3fn).float()
""".replace("\n", " | ")
    .strip(" |")
    .split(" | ")
)


@pytest.mark.parametrize("program", META)
def test_meta(program: str) -> None:
    program = "m = lambda *size: torch.empty(size, device='meta'); " + program
    assert outcome(tinytorch, program) == outcome(torch, program)


@pytest.mark.parametrize("program", PLACES)
def test_places_and_types(program: str) -> None:
    assert outcome(tinytorch, program) == outcome(torch, program)


@pytest.mark.parametrize(
    "program", ["x.nonzero()", "x.masked_select(x > 0)", "x.unique()", "torch.equal(x, x)", "x[x > 0]"]
)
def test_what_only_elements_could_tell(program: str) -> None:
    x = tinytorch.empty(2, 3, device="meta")
    with pytest.raises(NotImplementedError):
        eval(program, {"x": x, "torch": tinytorch})


def test_gradients_are_meta_too() -> None:
    x = tinytorch.ones(2, 3, device="meta", requires_grad=True)
    tinytorch.relu(x @ tinytorch.ones(3, 4, device="meta")).sum().backward()
    assert x.grad.is_meta
    assert x.grad.shape == (2, 3)


def test_device_contexts() -> None:
    with tinytorch.device("meta"):
        made = [
            tinytorch.zeros(2),
            tinytorch.tensor([1]),
            tinytorch.as_tensor([1]),
            tinytorch.asarray([1]),
            tinytorch.rand(2),
        ]
        with tinytorch.device("cpu"):
            inner = tinytorch.zeros(2)
    assert all(tensor.is_meta for tensor in made)
    assert inner.is_cpu
    assert tinytorch.zeros(1).is_cpu
    tinytorch.set_default_device("meta")
    try:
        assert tinytorch.zeros(2).is_meta
        assert tinytorch.get_default_device() == tinytorch.device("meta")
    finally:
        tinytorch.set_default_device(None)
    assert tinytorch.zeros(2).is_cpu
