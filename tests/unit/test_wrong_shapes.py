"""Operands of shapes that do not fit: the same exception and text, and no result of our own."""

from __future__ import annotations

from typing import Any

import pytest

import tinytorch

torch = pytest.importorskip("torch")

#: what is made of o(sizes...), ones, and i(sizes...), int32 ones
EXPRESSIONS = """
torch.fft.fft(o(0, 4)) | torch.fft.rfft2(o(0, 3, 4)) | torch.fft.irfft(o(0, 4)) | torch.fft.ifftn(o(0, 3))
torch.native_group_norm(o(1, 6, 3), o(5), o(6), 1, 6, 3, 2, 1e-5) | torch.native_group_norm(o(1, 6, 3), None, None, -1, 6, 3, 2, 1e-5)
torch.native_group_norm(o(1, 6, 3), o(6), o(1, 6), 1, 6, 3, 2, 1e-5) | torch.native_group_norm(o(1, 6, 3), None, None, 2, 6, 3, 2, 1e-5)
torch.nn.functional.group_norm(o(1, 6, 3), 2, o(6), o(5)) | torch.native_group_norm(o(1, 6, 3), None, None, 1, 6, 3, 4, 1e-5)
torch.nn.functional.batch_norm(o(2, 5), o(1, 5), o(5)) | torch.nn.functional.batch_norm(o(2, 5), o(4), o(5))
torch.grid_sampler_2d(o(2, 1, 3, 3), o(1, 2, 2, 2), 0, 0, False) | torch.grid_sampler_3d(o(1, 1, 3, 3), o(1, 2, 2, 3), 0, 0, False)
torch.nn.functional.max_unpool2d(o(1, 1, 1, 2, 2), i(1, 2, 2).long(), 2) | torch.nn.functional.adaptive_max_pool2d(o(1, 1, 1, 4, 4), 2)
torch.nn.functional.adaptive_max_pool2d(o(0, 2, 4, 4), 2) | torch.nn.functional.channel_shuffle(o(0, 4, 2, 2), 2)
torch._softmax_backward_data(o(4), o(5), 0, torch.float32) | torch._softmax_backward_data(o(1, 5), o(5), 0, torch.float32)
torch.linalg.ldl_solve(torch.eye(3), i(2), o(3, 1)) | torch.linalg.ldl_solve(o(3, 2), i(2), o(3, 1)) | torch.linalg.ldl_solve(torch.eye(3), i(3), o(2, 1))
torch.linalg.lu_solve(o(3, 2), i(2), o(3, 1)) | torch.linalg.lu_factor(o(3)) | torch.linalg.lu(o(3)) | torch.lu_unpack(o(3), i(3))
torch.triangular_solve(o(3), torch.eye(3)) | torch.triangular_solve(o(2, 1), torch.eye(3)) | torch.triangular_solve(o(3, 1), o(3, 2))
torch.ormqr(o(1, 3, 3), o(3), o(3, 3)) | torch.ormqr(o(3, 3), o(3), o(1, 3, 3)) | torch.ormqr(o(3, 3), torch.tensor(1.0), o(3, 3))
torch.linalg.lstsq(o(3, 3), o(1, 3, 3)) | torch.linalg.cond(o(3)) | torch.logdet(o(2, 3)) | o(3).mH | torch.cholesky(o(0, 3))
torch.nn.functional.soft_margin_loss(o(2), o(1, 2)) | torch.nn.functional.cosine_embedding_loss(o(2, 3), o(3), o(2))
torch.nn.functional.nll_loss(o(2, 3), i(1).long()[0]) | torch.nn.functional.ctc_loss(o(0, 2, 3), i(2, 2), i(2), i(2))
torch.nn.functional.ctc_loss(o(4, 2, 3), i(1, 2, 2), i(2), i(2)) | torch.nn.functional.embedding(i(2), o(0, 3))
torch.histogramdd(o(4, 1), [o(1, 2)]) | torch.histogramdd(o(4, 1), [o(0)]) | torch.histogramdd(o(4, 1), [o(1)]) | torch.histogram(o(3), o(1))
torch.addbmm(o(3, 5), o(2, 3, 4), o(4, 5)) | torch.baddbmm(o(2, 3, 5), o(1, 2, 3, 4), o(2, 4, 5)) | torch.baddbmm(o(2, 3, 5), o(3, 3, 4), o(3, 4, 5))
torch.nn.functional.conv1d(o(1, 2, 4), o(1, 2, 2, 2)) | torch.nn.functional.conv_transpose1d(o(1, 2, 4), o(1, 2, 2, 2))
torch.nn.functional.conv_transpose1d(o(1, 2, 4), o(2, 2)) | torch.linalg.cross(o(2, 3), o(4, 3)) | torch.norm(o(2, 2, 2), "nuc")
torch._unsafe_masked_index(o(3), torch.tensor([True]), [i(1), i(1)], 0) | torch._unsafe_masked_index(o(3, 3), torch.tensor([True]), [i(2), i(3)], 0)
torch._unsafe_masked_index(o(3, 5), torch.tensor([[True], [True]]).expand(2, 2), [i(2).long()], 0) | torch.diff(o(2), 0, 9) | torch.roll(o(0), 1, 9)
"""
CASES = [program.strip() for line in EXPRESSIONS.strip().splitlines() for program in line.split(" | ")]


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("program", CASES)
def test_same_end(program: str) -> None:
    def ending(torch: Any) -> tuple[str, Any]:
        names = {
            "torch": torch,
            "o": lambda *sizes: torch.ones(sizes),
            "i": lambda *sizes: torch.ones(sizes, dtype=torch.int32),
        }
        program_there = program.replace("torch._unsafe", "torch.ops.aten._unsafe")
        try:
            result = eval(program_there, names)
        except Exception as error:
            return type(error).__name__, str(error)
        results = result if isinstance(result, tuple) else (result,)
        return "no error", [tuple(item.shape) for item in results]

    assert ending(tinytorch) == ending(torch)
