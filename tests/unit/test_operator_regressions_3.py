"""What operators save, record, warn of and write into `out=`: one case per class of difference there once was, asked of both libraries."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterator
from typing import Any

import pytest

import tinytorch

torch = pytest.importorskip("torch")

Program = Callable[[Any], Any]


def _leaves(torch: Any, *shapes: tuple[int, ...], dtype: Any = None) -> list[Any]:
    """Distinct numbers, the same in both libraries, that want a gradient."""
    made = []
    for offset, shape in enumerate(shapes, 3):
        count = 1
        for size in shape:
            count *= size
        values = ((torch.arange(count, dtype=torch.float64) * 7 + offset) % 11 - 5) / 4
        made.append(values.reshape(shape).to(torch.float64 if dtype is None else dtype).requires_grad_())
    return made


SAVING: dict[str, tuple[tuple[tuple[int, ...], ...], Callable[..., Any]]] = {
    "inputs of which types alone matter": (((3,), (3,)), lambda torch, x, y: torch.complex(x, y)),
    "input of which the shape alone matters": (((4,),), lambda torch, x: torch.fft.rfft(x)),
    "result that only the other formula reads": (((3,),), lambda torch, x: (x.abs() + 1) ** torch.ones(3)),
    "factors of a gradient": (
        ((3, 3),),
        lambda torch, x: torch.ops.aten._softmax_backward_data(
            x, torch.ones(3, 3).double() / 3, 0, torch.float64
        ),
    ),
    "result of reflections": (((3, 2), (2,)), lambda torch, x, y: torch.linalg.householder_product(x, y)),
    "right side of a solved system": (
        ((2, 2),),
        lambda torch, x: torch.linalg.lu_solve(*torch.linalg.lu_factor(2 * torch.eye(2).double()), x),
    ),
    "contraction to one number": (
        ((2, 3), (3, 2)),
        lambda torch, x, y: torch.tensordot(x, y, ([0, 1], [1, 0])),
    ),
    "radius": (((3,), (3,)), lambda torch, x, y: torch.polar(x, y)),
    "window on a window": (((6,),), lambda torch, x: x[1:].as_strided((2, 2), (1, 2), 1)),
}


@pytest.mark.parametrize("name", SAVING)
def test_changing_what_was_saved_is_noticed_where_torch_notices_it(name: str) -> None:
    shapes, function = SAVING[name]

    def endings(torch: Any) -> list[str]:
        found = []
        for place in (*range(len(shapes)), "result"):
            leaves = _leaves(torch, *shapes)
            result = function(torch, *leaves)
            with torch.no_grad():
                (result if place == "result" else leaves[place]).mul_(2)
            try:
                torch.autograd.grad(result.abs().sum(), leaves, allow_unused=True)
                found.append("no error")
            except RuntimeError as error:
                found.append(str(error).partition(":")[0])
        return found

    assert endings(tinytorch) == endings(torch)


def _window(torch: Any) -> Any:
    x = torch.arange(6.0)[1:].requires_grad_()
    y = x[1:]
    with torch.no_grad():
        x.add_(1)
    return y.requires_grad, torch.autograd.grad(y.sum(), x, allow_unused=True)


def _empty_reflections(torch: Any) -> Any:
    (x, tau, other) = _leaves(torch, (3, 0), (0,), (3, 2))
    return torch.autograd.grad(torch.ormqr(x, tau, other).sum(), (x, tau), allow_unused=True)


VALUES: dict[str, Program] = {
    "window whose base was written to": _window,
    "gradient of no reflections": _empty_reflections,
    "negative radius": lambda torch: [
        g.tolist()
        for r in [torch.tensor([-1.0, 0.0, 2.0]).requires_grad_()]
        for g in torch.autograd.grad(torch.polar(r, torch.zeros(3)).real.sum(), r)
    ],
    "conjugate into out": lambda torch: (
        torch.fft.ifft(torch.arange(3.0), out=torch.empty(3, dtype=torch.complex64)).imag.sign().tolist()
    ),
    "atan2 at the origin": lambda torch: [
        g.tolist()
        for x, y in [_leaves(torch, (3,), (3,))]
        for g in torch.autograd.grad(torch.atan2(x * 0, y * 0).sum(), (x, y))
    ],
    "where empty views begin": lambda torch: [
        (tuple(t.stride()), t.storage_offset())
        for x in [torch.zeros(5, 4)]
        for t in (
            x[5:],
            x[2:2],
            x[3:3, 2],
            x[:, 4:],
            x[5:, 1:],
            *x.split([5, 0]),
            *torch.zeros(0, 3).unbind(1),
            *torch.zeros(0, 3).split(2, 1),
            torch.zeros(2, 0, 3)[1],
        )
    ],
    "determinant of one element": lambda torch: [
        torch.autograd.grad(torch.linalg.det(x), x, create_graph=True)[0].requires_grad
        for x in _leaves(torch, (1, 1), (0, 0), (2, 2))
    ],
    "nextafter where both are equal": lambda torch: [
        g.tolist()
        for x, y in [_leaves(torch, (5,), (5,))]
        for g in torch.autograd.grad(torch.nextafter(x, y.detach().flip(0).requires_grad_()).sum(), x)
    ],
    "repeats of a turned tensor": lambda torch: _turned(torch).repeat_interleave(2, 1).tolist(),
    "window on gaps": lambda torch: [
        torch.as_strided_scatter(base, -torch.ones(2, 2), (2, 2), (3, 1), *rest).tolist()
        for base in (_gaps(torch), _turned(torch)[0], torch.arange(25.0).reshape(5, 5)[1:, 1:])
        for rest in ((), (7,))
    ],
    "complex ldexp": lambda torch: [
        torch.view_as_real(g).round(decimals=9).tolist()
        for x, y in [_leaves(torch, (3,), (3,), dtype=torch.complex128)]
        for g in torch.autograd.grad(torch.ldexp(x + 1j, y - 1j).imag.sum(), (x, y))
    ],
    "differences of order zero, with something put before": lambda torch: torch.diff(
        torch.arange(6.0).view(2, 3), 0, -1, torch.ones(2, 1)
    ).tolist(),
    "results of another type than the target": lambda torch: [
        _ending(lambda: torch.diff(torch.ones(3), 0, out=torch.ones(3, dtype=torch.float64))),
        *[
            _ending(
                lambda x=x: torch.matmul(x, torch.ones(3), out=torch.ones(x.shape[:-1], dtype=torch.float64))
            )
            for x in (torch.ones(3), torch.ones(2, 3), torch.ones(5, 2, 3))
        ],
    ],
    "ranks of least squares where only the right-hand sides are a batch": lambda torch: [
        tuple(part.shape)
        for driver in ("gels", "gelsy", "gelsd", "gelss")
        for part in torch.linalg.lstsq(torch.eye(3)[None], torch.ones(2, 3, 3), driver=driver)
    ],
    "warnings of ldexp": lambda torch: [
        _warned(lambda x=x, n=n: torch.ldexp(x, n))
        for x in (torch.ones(1), torch.ones(2, 4), torch.ones(0), torch.ones(1, dtype=torch.int32))
        for n in (torch.ones(4, dtype=torch.int32), torch.ones(4), torch.ones(1, dtype=torch.int64))
        if x.numel() or n.numel() == 1
    ],
    "biases of a linear layer that are matrices": lambda torch: [
        _names(torch.nn.functional.linear(x, *_leaves(torch, (4, 2), (1, 4), dtype=torch.float32)).grad_fn)
        for x in (torch.ones(3, 5, 2), torch.ones(5, 3, 2).transpose(0, 1))
    ],
    "graph of the gradient of a square": lambda torch: [
        _names(torch.autograd.grad((x**2).sum(), x, create_graph=True)[0].grad_fn)
        for x in _leaves(torch, (3,))
    ],
    "graph of batched dot products": lambda torch: [
        (_names(result.grad_fn), tuple(result.shape), result.tolist())
        for x, y in [_leaves(torch, (2, 3), (3,))]
        for result in (
            torch.vmap(torch.dot, (0, None))(x, y),
            torch.vmap(torch.dot, (None, 0))(y, x),
            torch.vmap(torch.dot)(x, x.detach()),
            torch.vmap(torch.dot, (1, 1))(x.t(), x.t().detach()),
        )
    ],
    "coordinates": lambda torch: [
        (t.tolist(), tuple(t.stride())) for t in torch.unravel_index(torch.arange(6).reshape(2, 3), (4, 5))
    ],
    "order of three products": lambda torch: str(
        torch.linalg.multi_dot(_leaves(torch, (2, 2), (2, 2), (2, 2)))
        .grad_fn.next_functions[0][0]
        .next_functions[0][0]
        .name()
    ),
}


def _ending(call: Callable[[], Any]) -> tuple[str, str]:
    with pytest.raises(Exception) as error:
        call()
    return type(error.value).__name__, str(error.value)


def _warned(call: Callable[[], Any]) -> list[str]:
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        call()
    return [str(warning.message).partition(" (Trig")[0] for warning in caught]


def _names(node: Any) -> list[Any]:
    """A node and those behind it."""
    return [type(node).__name__, *(_names(following) for following, _ in node.next_functions if following)]


DRAWS: dict[str, Callable[[Any, Any], Any]] = {
    "normal around": lambda torch, out: torch.normal(torch.arange(24.0).reshape(6, 4), 2.0, out=out),
    "normal spread": lambda torch, out: torch.normal(1.0, torch.arange(24.0).reshape(6, 4), out=out),
    "normal": lambda torch, out: torch.normal(
        torch.arange(24.0).reshape(6, 4), torch.arange(24.0).reshape(6, 4), out=out
    ),
    "bernoulli": lambda torch, out: torch.bernoulli(torch.full((6, 4), 0.5), out=out),
}


@pytest.mark.parametrize("kind", ["float32", "float64"])
@pytest.mark.parametrize("name", DRAWS)
def test_numbers_are_drawn_into_out_as_it_lies_in_memory(name: str, kind: str) -> None:
    def drawn(torch: Any) -> list[Any]:
        found = []
        for out in (torch.zeros(4, 6).t(), torch.zeros(6, 8)[:, ::2], torch.zeros(6, 4)):
            out = out.to(getattr(torch, kind)) if kind != "float32" else out
            torch.manual_seed(5)
            DRAWS[name](torch, out)
            found += [number for row in out.tolist() for number in row]
        return found

    assert drawn(tinytorch) == pytest.approx(drawn(torch), rel=1e-5, abs=1e-6)


def _names(function: Any) -> Any:
    """The autograd graph as nested names."""
    if function is None:
        return None
    name = function.name().removeprefix("torch::autograd::")
    return (name, *[_names(edge) for edge, _ in function.next_functions])


def _complex_leaves(torch: Any, *shapes: tuple[int, ...]) -> list[Any]:
    return _leaves(torch, *shapes, dtype=torch.complex128)


def _shares(torch: Any, *shape: int) -> Any:
    return torch.full(shape, 0.5, dtype=torch.float64, requires_grad=True)


GRAPHS: dict[str, Program] = {
    "quantile": lambda torch: torch.quantile(*_leaves(torch, (3, 4)), _shares(torch, 2), dim=0),
    "quantile of a number": lambda torch: torch.quantile(*_leaves(torch, ()), _shares(torch, 2), dim=0),
    "nanquantile": lambda torch: torch.nanquantile(*_leaves(torch, (3, 4)), _shares(torch), dim=1),
    "gradient": lambda torch: torch.gradient(*_leaves(torch, (5,)), edge_order=2)[0],
    "variance": lambda torch: torch.cov(*_complex_leaves(torch, (4,))),
    "convolution": lambda torch: torch.nn.functional.conv1d(
        *_complex_leaves(torch, (1, 2, 4), (2, 2, 2), (2,))
    ),
    "padded convolution": lambda torch: torch.nn.functional.conv1d(
        *_complex_leaves(torch, (1, 2, 4), (2, 2, 2)), padding="same"
    ),
    "tensordot": lambda torch: torch.tensordot(*_leaves(torch, (2, 3), (3, 2)), ([0, 1], [1, 0])),
    "masked.prod of a number": lambda torch: torch.masked.prod(*_leaves(torch, ()), dim=0),
}


@pytest.mark.parametrize("program", GRAPHS.values(), ids=GRAPHS.keys())
def test_same_graph(program: Program) -> None:
    assert _names(program(tinytorch).grad_fn) == _names(program(torch).grad_fn)


@pytest.mark.parametrize("program", VALUES.values(), ids=VALUES.keys())
def test_same_result(program: Program) -> None:
    assert program(tinytorch) == program(torch)


@pytest.fixture
def every_warning() -> Iterator[None]:
    for library in (torch, tinytorch):
        library.set_warn_always(True)
    yield
    for library in (torch, tinytorch):
        library.set_warn_always(False)


WARNINGS: dict[str, Program] = {
    "cholesky": lambda torch: torch.cholesky(torch.eye(2)),
    "cross": lambda torch: torch.cross(torch.ones(3), torch.ones(3)),
    "stft": lambda torch: torch.stft(torch.ones(20), 8, return_complex=True),
    "lu": lambda torch: torch.lu(torch.eye(2)),
    "lu_solve": lambda torch: torch.lu_solve(torch.eye(2), torch.eye(2), torch.ones(2, dtype=torch.int32)),
    "qr": lambda torch: torch.qr(torch.eye(2)),
    "triangular_solve": lambda torch: torch.triangular_solve(torch.eye(2), torch.eye(2)),
    "index_reduce": lambda torch: torch.ones(3).index_reduce(0, torch.tensor([0]), torch.ones(1), "mean"),
    "bucketize": lambda torch: torch.bucketize(torch.ones(4, 4).t(), torch.ones(8)[::2]),
    "convolution": lambda torch: torch.nn.functional.conv1d(
        torch.ones(1, 1, 5), torch.ones(1, 1, 2), padding="same"
    ),
    "chain_matmul": lambda torch: torch.chain_matmul(torch.eye(2), torch.eye(2)),
    "T": lambda torch: torch.ones(2).T,
    "T of a number": lambda torch: torch.ones(()).T,
    "mT of a number": lambda torch: torch.ones(()).mT,
    "H of a number": lambda torch: torch.ones(()).H,
    "mH of a number": lambda torch: torch.ones(()).mH,
    "adjoint of a number": lambda torch: torch.ones(()).adjoint(),
    "std": lambda torch: torch.ones(1).std(),
    "meshgrid": lambda torch: torch.meshgrid(torch.ones(2)),
    "byte mask": lambda torch: torch.ones(2)[torch.tensor([1, 0], dtype=torch.uint8)],
    "where with bytes": lambda torch: torch.where(torch.tensor([1, 0], dtype=torch.uint8), 1.0, 0.0),
    "complex to real": lambda torch: (torch.ones(2) + 1j).float(),
    "complex into real": lambda torch: torch.ones(2).copy_(torch.ones(2) + 1j),
    "no complex numbers to real": lambda torch: torch.ones(0, dtype=torch.complex64).float(),
}


@pytest.mark.usefixtures("every_warning")
@pytest.mark.parametrize("program", WARNINGS.values(), ids=WARNINGS.keys())
def test_same_warnings(program: Program) -> None:
    def given(torch: Any) -> list[tuple[type, str]]:
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            program(torch)
        return [(item.category, str(item.message).partition(" (Triggered internally")[0]) for item in caught]

    assert given(tinytorch) == given(torch)


def test_warnings_name_the_line_of_the_program() -> None:
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        tinytorch.ones(1).std()
    assert [item.filename for item in caught] == [__file__]


def test_some_warnings_come_once() -> None:
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        for _ in range(3):
            tinytorch.chain_matmul(tinytorch.eye(2), tinytorch.eye(2))
    assert len(caught) <= 1


OUTPUTS: dict[str, tuple[Callable[..., Any], int]] = {
    "addr": (lambda torch, x, out: torch.addr(x, x[0], x[0], out=out), 1),
    "cholesky": (lambda torch, x, out: torch.cholesky(x, out=out), 1),
    "geqrf": (lambda torch, x, out: torch.geqrf(x, out=out), 2),
    "frexp": (lambda torch, x, out: torch.frexp(x, out=out), 2),
    "cumsum of a type": (lambda torch, x, out: torch.cumsum(x, 0, dtype=torch.float32, out=out), 1),
    "lerp": (lambda torch, x, out: torch.lerp(x, x, x, out=out), 1),
    "lerp by a number": (lambda torch, x, out: torch.lerp(x, x, 0.5, out=out), 1),
    "fft2": (lambda torch, x, out: torch.fft.fft2(x, out=out), 1),
    "irfft": (lambda torch, x, out: torch.fft.irfft(x, out=out), 1),
    "inv": (lambda torch, x, out: torch.linalg.inv(x, out=out), 1),
    "inv of none": (lambda torch, x, out: torch.linalg.inv(x[:0, :0], out=out), 1),
    "eig": (lambda torch, x, out: torch.linalg.eig(x, out=out), 2),
    "svd": (lambda torch, x, out: torch.linalg.svd(x, out=out), 3),
    "norm": (lambda torch, x, out: torch.linalg.norm(x, out=out), 1),
    "matrix_power": (lambda torch, x, out: torch.linalg.matrix_power(x, 3, out=out), 1),
    "multi_dot": (lambda torch, x, out: torch.linalg.multi_dot([x, x], out=out), 1),
    "pinv": (lambda torch, x, out: torch.linalg.pinv(x, out=out), 1),
    "narrow_copy": (lambda torch, x, out: torch.narrow_copy(x, 0, 0, 1, out=out), 1),
}


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("kind", ["float32", "float64", "complex64", "int64", "int32"])
@pytest.mark.parametrize("name", OUTPUTS)
def test_same_types_fit_into_out(name: str, kind: str) -> None:
    function, count = OUTPUTS[name]

    def ending(torch: Any) -> Any:
        targets = tuple(torch.empty(0, dtype=getattr(torch, kind)) for _ in range(count))
        x = torch.tensor([[4.0, 1.0], [1.0, 3.0]])
        try:
            function(torch, x, targets if count > 1 else targets[0])
        except (RuntimeError, TypeError) as error:
            return type(error).__name__, str(error)
        return [(tuple(target.shape), tuple(target.stride())) for target in targets]

    assert ending(tinytorch) == ending(torch)


def _turned(torch: Any) -> Any:
    return torch.arange(75.0).reshape(3, 5, 5).permute(2, 0, 1)


def _gaps(torch: Any) -> Any:
    return torch.arange(200.0).reshape(10, 20)[:, ::2]


LAYOUTS: dict[str, Program] = {
    "masked_fill": lambda torch: torch.masked_fill(_turned(torch), torch.tensor(True), 1.0),
    "cdist": lambda torch: torch.cdist(_turned(torch), _turned(torch)),
    "renorm": lambda torch: torch.renorm(_turned(torch), 2, 0, 0.5),
    "polar": lambda torch: torch.polar(_turned(torch), _turned(torch)),
    "complex": lambda torch: torch.complex(_turned(torch)[0], _turned(torch)),
    "dropout": lambda torch: torch.ops.aten.native_dropout_backward(_turned(torch), _turned(torch) > 3, 2.0),
    "diagonal_scatter": lambda torch: torch.diagonal_scatter(_gaps(torch), torch.zeros(10)),
    "select_scatter": lambda torch: torch.select_scatter(_gaps(torch).t(), torch.zeros(10), 0, 1),
    "slice_scatter": lambda torch: torch.slice_scatter(_gaps(torch), torch.zeros(2, 10), 0, 0, 2),
    "addr": lambda torch: torch.addr(torch.ones(5, 6).t(), torch.arange(6.0), torch.arange(5.0)),
    "mvlgamma": lambda torch: torch.mvlgamma(_turned(torch) + 5, 2),
    "cross": lambda torch: torch.linalg.cross(*[torch.ones(5, 3, 3).permute(2, 0, 1)] * 2),
    "count_nonzero": lambda torch: torch.count_nonzero(_turned(torch), 0),
    "view_copy": lambda torch: torch.view_copy(_turned(torch), (15, 5)),
    "masked_fill of a row": lambda torch: torch.masked_fill(torch.ones(5), _turned(torch)[0] > 20, 1.0),
    "repeat_interleave": lambda torch: _turned(torch).repeat_interleave(2, 1),
}


@pytest.mark.parametrize("program", LAYOUTS.values(), ids=LAYOUTS.keys())
def test_same_strides(program: Program) -> None:
    found, expected = program(tinytorch), program(torch)
    assert tuple(found.stride()) == tuple(expected.stride())


def test_pairs_of_numbers_begin_at_even_places() -> None:
    def ending(torch: Any) -> str:
        with pytest.raises(RuntimeError) as error:
            torch.view_as_complex(torch.arange(10.0)[1:5].reshape(2, 2))
        return str(error.value)

    assert ending(tinytorch) == ending(torch)
