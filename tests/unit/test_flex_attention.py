"""Attention with programs of one's own, beside torch's."""

from __future__ import annotations

import importlib
import warnings
from typing import Any

import pytest
import torch as real

import tinytorch


def _flex(torch: Any) -> Any:
    return importlib.import_module(f"{torch.__name__}.nn.attention.flex_attention")


def _attend(torch: Any, options: Any, dtype: str = "float32", shared: int = 4) -> Any:
    torch.manual_seed(0)
    query, key, value = (
        torch.randn(2, heads, 16, 8).to(getattr(torch, dtype)) for heads in (4, shared, shared)
    )
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return _flex(torch).flex_attention(query, key, value, **options(torch))


def _causal(b: Any, h: Any, i: Any, j: Any) -> Any:
    return i >= j


PROGRAMS = {
    "plain": lambda torch: {},
    "scale": lambda torch: {"scale": 0.5},
    "score": lambda torch: {"score_mod": lambda score, b, h, i, j: score * (h + 1) + (i - j) * 0.1 + b},
    "capped": lambda torch: {"score_mod": lambda score, b, h, i, j: torch.tanh(score / 2) * 2},
    "hidden rows": lambda torch: {"score_mod": lambda score, b, h, i, j: torch.where(i > 0, score, -float("inf"))},
    "mask": lambda torch: {"block_mask": _flex(torch).create_block_mask(_causal, None, None, 16, 16, device="cpu")},
}  # fmt: skip


@pytest.mark.parametrize("dtype", ["float32", "float64", "bfloat16"])
@pytest.mark.parametrize("name", PROGRAMS)
def test_values(name: str, dtype: str) -> None:
    theirs, ours = (_attend(torch, PROGRAMS[name], dtype) for torch in (real, tinytorch))
    assert str(ours.dtype) == str(theirs.dtype)
    close = {"float32": 1e-5, "float64": 1e-10, "bfloat16": 1e-2}[dtype]
    ours, theirs = real.tensor(ours.double().tolist()), real.tensor(theirs.double().tolist())
    real.testing.assert_close(ours, theirs, rtol=close, atol=close)


def test_more_results() -> None:
    for options in (
        lambda torch: {"return_lse": True},
        lambda torch: {"return_aux": _flex(torch).AuxRequest(lse=True)},
    ):
        theirs, ours = (_attend(torch, options)[1] for torch in (real, tinytorch))
        theirs, ours = (getattr(result, "lse", result) for result in (theirs, ours))
        real.testing.assert_close(real.tensor(ours.tolist()), real.tensor(theirs.tolist()))
    shared = [_attend(torch, lambda torch: {"enable_gqa": True}, shared=2) for torch in (real, tinytorch)]
    real.testing.assert_close(real.tensor(shared[1].tolist()), real.tensor(shared[0].tolist()))


def _masks(torch: Any) -> list[Any]:
    flex = _flex(torch)
    large = flex.create_block_mask(_causal, None, None, 300, 300, device="cpu")
    several = flex.create_block_mask(
        lambda b, h, i, j: (i - j).abs() < 20 + 5 * h, 2, 3, 64, 96, device="cpu", BLOCK_SIZE=(32, 16)
    )
    number, columns = (
        torch.tensor([[[1, 2]]], dtype=torch.int32),
        torch.tensor([[[[0, 1], [0, 1]]]], dtype=torch.int32),
    )
    known = flex.BlockMask.from_kv_blocks(number, columns, BLOCK_SIZE=8)
    joined = flex.create_block_mask(
        flex.and_masks(_causal, lambda b, h, i, j: j > 3), None, None, 40 * 128, 128, device="cpu"
    )
    return [large, several, several[0], several[:, 1:], known, joined]


PARTS = (
    "kv_num_blocks",
    "kv_indices",
    "full_kv_num_blocks",
    "full_kv_indices",
    "q_num_blocks",
    "q_indices",
    "full_q_num_blocks",
)


def test_masks() -> None:
    for ours, theirs in zip(_masks(tinytorch), _masks(real), strict=True):
        assert (ours.shape, ours.seq_lengths, ours.BLOCK_SIZE) == (
            theirs.shape,
            theirs.seq_lengths,
            theirs.BLOCK_SIZE,
        )
        assert (str(ours), repr(ours), ours.sparsity()) == (str(theirs), repr(theirs), theirs.sparsity())
        assert ours.to_dense().tolist() == theirs.to_dense().tolist()
        for part in PARTS:
            mine, other = getattr(ours, part), getattr(theirs, part)
            assert (mine is None and other is None) or mine.tolist() == other.tolist()


def _wrong(torch: Any) -> Any:
    flex = _flex(torch)
    q, k = torch.ones(2, 4, 16, 8), torch.ones(2, 2, 16, 8)
    mask = flex.create_block_mask(_causal, None, None, 300, 300, device="cpu")
    long = torch.ones(2, 4, 400, 8)
    yield lambda: flex.flex_attention(q[0], q[0], q[0])
    yield lambda: flex.flex_attention(q.clone().requires_grad_(), q, q)
    yield lambda: flex.flex_attention(q, k, k)
    yield lambda: flex.flex_attention(q, torch.ones(2, 3, 16, 8), torch.ones(2, 3, 16, 8), enable_gqa=True)
    yield lambda: flex.flex_attention(q, q[:1], q[:1])
    yield lambda: flex.flex_attention(q, torch.ones(2, 4, 16, 4), q)
    yield lambda: flex.flex_attention(q, q, q, block_mask=mask)
    yield lambda: flex.flex_attention(long, long, long, block_mask=mask)
    yield lambda: flex.flex_attention(q, q, q, return_aux=flex.AuxRequest(max_scores=True))
    yield lambda: flex.flex_attention(q, q, q, return_lse=True, return_aux=flex.AuxRequest())


@pytest.mark.filterwarnings("ignore")
def test_errors_are_torchs() -> None:
    for expected, actual in zip(_wrong(real), _wrong(tinytorch), strict=True):
        with pytest.raises((ValueError, NotImplementedError)) as theirs:
            expected()
        with pytest.raises(type(theirs.value)) as ours:
            actual()
        assert str(ours.value) == str(theirs.value)


def test_the_result_lies_in_memory_as_the_query_does() -> None:
    for torch in (real, tinytorch):
        query = torch.ones(2, 16, 4, 8).transpose(1, 2)
        assert _flex(torch).flex_attention(query, query, query).stride() == query.stride()
