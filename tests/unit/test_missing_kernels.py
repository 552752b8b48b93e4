"""Element types that torch has no kernel for: the same error, and no result of our own."""

from __future__ import annotations

from typing import Any

import pytest

import tinytorch

torch = pytest.importorskip("torch")

#: what is made of `x` (a vector), `a` (a square matrix) and `v` (a batch of images) of the types before the colon
EXPRESSIONS = """
complex64: torch.sign(x) | x.sign_() | torch.round(x) | torch.signbit(x) | torch.rad2deg(x) | torch.xlogy(x, x) | torch.special.entr(x)
complex64: torch.special.i0e(x) | torch.special.bessel_j0(x) | torch.special.zeta(x, x) | torch.nextafter(x, x) | torch.unique_consecutive(x)
complex64: torch.nn.functional.mse_loss(x, x) | torch.nn.functional.threshold(x, 1, 2) | torch.nn.functional.prelu(x, x[:1])
float16: torch.special.bessel_j0(x) | torch.special.ndtri(x) | torch.special.erfcx(x) | torch.special.zeta(x, x) | torch.polar(x, x)
float16: torch.linalg.vander(x) | torch.linalg.lstsq(a, a) | torch.linalg.matrix_rank(a) | torch.nn.functional.multi_margin_loss(x, torch.tensor(0))
bfloat16: torch.special.log_ndtr(x) | torch.special.laguerre_polynomial_l(x, x) | torch.special.airy_ai(x) | torch.linalg.eigvals(a)
int64: torch.linalg.svd(a) | torch.linalg.qr(a) | torch.linalg.vecdot(x, x) | torch.logdet(a) | torch.linalg.matrix_rank(a)
int64: torch.linalg.solve_triangular(a, a, upper=True) | torch.linalg.lstsq(a, a) | torch.nn.functional.rms_norm(x, (2,))
int64: torch.nn.functional.prelu(x, x[:1]) | torch.nextafter(x, x) | torch.nn.functional.unfold(v, 1) | torch.masked.mean(x)
int64: torch.nn.functional.multi_margin_loss(x, torch.tensor(0)) | torch.nn.functional.avg_pool2d(v, 1)
int32: torch.nn.functional.conv2d(v, v[:, :, :1, :1], dilation=2) | torch.nn.functional.conv_transpose2d(v, v)
uint8: torch.nn.functional.hardtanh(x) | torch.nn.functional.conv_transpose2d(v, v) | torch.linalg.vecdot(x, x)
bool: torch.trace(a) | x**x | torch.searchsorted(x, x) | torch.trapz(x) | torch.trapezoid(x, x) | torch.cumulative_trapezoid(x)
bool: torch.linalg.vander(x) | torch.linalg.cross(x.repeat(2)[:3], x.repeat(2)[:3]) | x.index_reduce(0, torch.tensor([0]), x[:1], "prod")
bool: torch.nn.functional.conv_transpose2d(v, v) | torch.nn.functional.threshold(x, 1, 2)
"""
CASES = [
    (kinds, program.strip())
    for kinds, _, programs in (line.partition(": ") for line in EXPRESSIONS.strip().splitlines())
    for program in programs.split(" | ")
]


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize(("kind", "program"), CASES)
def test_same_error(kind: str, program: str) -> None:
    def ending(torch: Any) -> tuple[str, str]:
        x = torch.tensor([1, 2]).to(getattr(torch, kind))
        names = {"torch": torch, "x": x, "a": x.repeat(2).reshape(2, 2), "v": x.repeat(2).reshape(1, 1, 2, 2)}
        try:
            result = eval(program, names)
        except (RuntimeError, ValueError) as error:
            return type(error).__name__, str(error)
        return "no error", str(result.dtype)

    assert ending(tinytorch) == ending(torch)
