"""torch.linalg against PyTorch: values, gradients, layouts, names and errors."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import tinytorch

torch = pytest.importorskip("torch")

Program = Callable[[Any, Any], Any]


def matrices(*shape: int, dtype: type = np.float64, seed: int = 0) -> np.ndarray:
    generator = np.random.default_rng(seed)
    values = generator.standard_normal(shape)
    return (values + 1j * generator.standard_normal(shape) if dtype is np.complex128 else values).astype(
        dtype
    )


def gradients(library: Any, program: Program, array: np.ndarray) -> tuple[np.ndarray, np.ndarray, str]:
    """Values, gradient of the summed squares, node name."""
    given = library.from_numpy(array.copy()).requires_grad_()
    result = program(library, given)
    outputs = result if isinstance(result, tuple) else (result,)
    outputs = [output for output in outputs if output.requires_grad]
    total = sum((output * output.conj()).real.cos().sum() for output in outputs)
    total.backward()
    return (
        np.asarray(outputs[0].detach().resolve_conj().numpy()),
        given.grad.resolve_conj().numpy(),
        outputs[0].grad_fn.name(),
    )


PROGRAMS: dict[str, Program] = {
    "inv": lambda t, a: t.linalg.inv(a),
    "det": lambda t, a: t.linalg.det(a),
    "slogdet": lambda t, a: t.linalg.slogdet(a)[1],
    "solve": lambda t, a: t.linalg.solve(a, a.mT + 1),
    "solve right": lambda t, a: t.linalg.solve(a, a.mT + 1, left=False),
    "lu": lambda t, a: t.linalg.lu(a),
    "lu_factor": lambda t, a: t.linalg.lu_factor(a)[0],
    "lu_solve": lambda t, a: t.linalg.lu_solve(*t.linalg.lu_factor(a), a + 1, adjoint=True),
    "cholesky": lambda t, a: t.linalg.cholesky(a @ a.mH + t.eye(4)),
    "qr": lambda t, a: t.linalg.qr(a),
    "qr tall": lambda t, a: t.linalg.qr(a[..., :2]),
    "qr wide": lambda t, a: t.linalg.qr(a[..., :2, :]),
    "svdvals": lambda t, a: t.linalg.svdvals(a[..., :3]),
    "eigvalsh": lambda t, a: t.linalg.eigvalsh(a + a.mH),
    "pinv": lambda t, a: t.linalg.pinv(a[..., :2]),
    "matrix_exp": lambda t, a: t.linalg.matrix_exp(a / 3),
    "matrix_power": lambda t, a: t.linalg.matrix_power(a, -3),
    "nuclear norm": lambda t, a: t.linalg.matrix_norm(a, "nuc"),
    "cond": lambda t, a: t.linalg.cond(a),
    "triangular": lambda t, a: t.linalg.solve_triangular(a + 3 * t.eye(4), a, upper=True, left=False),
    "householder": lambda t, a: t.linalg.householder_product(a, a[..., 0]),
}


@pytest.mark.parametrize("dtype", [np.float64, np.complex128])
@pytest.mark.parametrize("name", PROGRAMS)
def test_values_and_gradients(name: str, dtype: type) -> None:
    array = matrices(2, 4, 4, dtype=dtype)
    mine, theirs = gradients(tinytorch, PROGRAMS[name], array), gradients(torch, PROGRAMS[name], array)
    np.testing.assert_allclose(mine[0], theirs[0], rtol=1e-9, atol=1e-9)
    np.testing.assert_allclose(mine[1], theirs[1], rtol=1e-8, atol=1e-8)
    assert mine[2] == theirs[2]


def test_results_are_laid_out_column_by_column() -> None:
    array = matrices(2, 3, 3)
    for program in (
        lambda t, a: t.linalg.inv(a),
        lambda t, a: t.linalg.svd(a)[0],
        lambda t, a: t.linalg.pinv(a),
        lambda t, a: t.linalg.solve(a, a, left=False),
        lambda t, a: t.linalg.lstsq(a, a).solution,
    ):
        assert (
            program(tinytorch, tinytorch.from_numpy(array)).stride()
            == program(torch, torch.from_numpy(array)).stride()
        )


def test_named_results() -> None:
    result = tinytorch.linalg.eigh(tinytorch.eye(2))
    assert type(result).__name__ == "linalg_eigh"
    assert result.eigenvalues.tolist() == [1.0, 1.0]


@pytest.mark.parametrize(
    "program",
    [
        lambda t: t.linalg.inv(t.zeros(2, 2)),
        lambda t: t.linalg.inv(t.zeros(3, 2, 2)),
        lambda t: t.linalg.cholesky(-t.eye(2)),
        lambda t: t.linalg.solve(t.zeros(2, 2), t.ones(2)),
        lambda t: t.linalg.det(t.zeros(2, 3)),
        lambda t: t.linalg.inv(t.ones(2, 2, dtype=t.int64)),
        lambda t: t.linalg.qr(t.eye(2), mode="bad"),
        lambda t: t.linalg.matrix_norm(t.eye(2), 3),
        lambda t: t.linalg.svd(t.full((2, 2), float("nan"))),
    ],
)
def test_errors(program: Callable[[Any], Any]) -> None:
    with pytest.raises(RuntimeError) as theirs:
        program(torch)
    with pytest.raises(RuntimeError) as mine:
        program(tinytorch)
    assert str(mine.value) == str(theirs.value)
    assert type(mine.value).__name__ == type(theirs.value).__name__


def test_many_small_systems_agree_with_one_by_one() -> None:
    A, B = matrices(20, 3, 3), matrices(20, 3, 2, seed=1)
    whole = tinytorch.linalg.solve(tinytorch.from_numpy(A), tinytorch.from_numpy(B)).numpy()
    np.testing.assert_allclose(whole, np.linalg.solve(A, B), rtol=1e-9)
