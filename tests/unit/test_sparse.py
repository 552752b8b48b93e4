"""Sparse tensors in coordinate format against the oracle."""

from __future__ import annotations

import copy
import pickle
import warnings
from collections.abc import Callable
from typing import Any

import pytest

torch = pytest.importorskip("torch")

import tinytorch

warnings.filterwarnings("ignore", message="Sparse")


def matrix(t: Any, **options: Any) -> Any:
    """(2, 3), with one place twice."""
    return t.sparse_coo_tensor(
        t.tensor([[0, 1, 1], [2, 0, 0]]), t.tensor([3.0, -4.0, 5.5]), (2, 3), **options
    )


def rows(t: Any) -> Any:
    """One sparse dimension and one dense one."""
    return t.sparse_coo_tensor(t.tensor([[0, 2, 2]]), t.arange(6.0).view(3, 2), (4, 2))


def dense(t: Any) -> Any:
    return t.arange(6.0).view(3, 2) - 2


def described(t: Any, value: Any) -> Any:
    if isinstance(value, t.Tensor) and value.layout is not t.strided:
        return "sparse", repr(value.detach()), value.is_coalesced(), value.requires_grad
    if isinstance(value, (tuple, list)):
        return [described(t, item) for item in value]
    return repr(value)


def outcome(t: Any, function: Callable[[Any], Any]) -> Any:
    try:
        return described(t, function(t))
    except Exception as error:
        return type(error).__name__, str(error).split(" This could be because")[0]


def pairs(t: Any) -> Any:
    """Two places of a matrix, and their values."""
    return t.tensor([[0, 1], [1, 0]]), t.tensor([1.0, 2.0])


def told(t: Any, function: Callable[[Any], Any]) -> Any:
    """What is warned of, without the place in C++."""
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        function(t)
    return [(str(w.message).partition(" (Triggered")[0], w.category.__name__) for w in caught]


CALLS: dict[str, Callable[[Any], Any]] = {
    "legacy parts": lambda t: t.sparse.FloatTensor(*pairs(t)),
    "legacy size": lambda t: t.sparse.FloatTensor(*pairs(t), t.Size([3, 3])),
    "legacy keywords": lambda t: t.sparse.FloatTensor(*pairs(t), size=[2, 2]),
    "legacy names": lambda t: t.sparse.FloatTensor(indices=pairs(t)[0], values=pairs(t)[1]),
    "legacy empty": lambda t: [t.sparse.FloatTensor(), t.sparse.LongTensor(2, 3), t.sparse.HalfTensor(t.Size([2]))],
    "legacy other values": lambda t: t.sparse.FloatTensor(pairs(t)[0], pairs(t)[1].double()),
    "legacy indices": lambda t: t.sparse.FloatTensor(pairs(t)[1][None], pairs(t)[1]),
    "legacy tensor": lambda t: t.sparse.FloatTensor(pairs(t)[1]),
    "legacy lists": lambda t: t.sparse.FloatTensor([[0, 1], [1, 0]], [1.0, 2.0]),
    "legacy number": lambda t: t.sparse.FloatTensor(3.0),
    "legacy too many": lambda t: t.sparse.FloatTensor(*pairs(t), t.Size([3, 3]), 4),
    "legacy gradient": lambda t: t.sparse.FloatTensor(pairs(t)[0], pairs(t)[1].requires_grad_()).grad_fn.name(),
    "legacy warnings": lambda t: [
        told(t, lambda t: t.sparse.ShortTensor(*pairs(t))),
        told(t, lambda t: t.sparse.ShortTensor(*pairs(t), t.Size([2, 2]))),
        told(t, lambda t: t.sparse.ShortTensor(2, 2)),
        told(t, lambda t: t.sparse.ShortTensor()),
    ],
    "legacy class": lambda t: [
        repr(t.sparse.FloatTensor), repr(type(t.sparse.FloatTensor)), str(t.sparse.FloatTensor.layout), t.sparse.FloatTensor.is_sparse,
        isinstance(matrix(t), t.sparse.FloatTensor), isinstance(matrix(t), t.FloatTensor), isinstance(dense(t), t.sparse.FloatTensor),
    ],
    "type": lambda t: [matrix(t).type(), matrix(t).type(t.float64), matrix(t).type(t.sparse.LongTensor), matrix(t).type("torch.HalfTensor")],
    "new": lambda t: [matrix(t).new(), matrix(t).new(2, 2), matrix(t).new(*pairs(t))],
    "members": lambda t: [
        matrix(t).ndimension(), matrix(t).nelement(), matrix(t).get_device(), matrix(t).is_signed(), matrix(t).element_size(),
        matrix(t).storage_offset(), t.is_signed(matrix(t)), t.numel(matrix(t)),
    ],
    "print": matrix,
    "print rows": rows,
    "print grad": lambda t: matrix(t, requires_grad=True),
    "print double": lambda t: matrix(t, dtype=t.float64),
    "without size": lambda t: t.sparse_coo_tensor([[0, 1], [1, 2]], [1, 2]),
    "empty": lambda t: t.sparse_coo_tensor(size=(2, 3)),
    "empty positional": lambda t: t.sparse_coo_tensor((2, 3)),
    "too few values": lambda t: t.sparse_coo_tensor(t.tensor([[0, 1]]), t.ones(3), (2,)),
    "too many sizes": lambda t: t.sparse_coo_tensor(t.tensor([[0, 1]]), t.ones(2), (2, 3)),
    "outside": lambda t: t.sparse_coo_tensor(t.tensor([[0, 2]]), t.ones(2), (2,), check_invariants=True),
    "negative": lambda t: t.sparse_coo_tensor(t.tensor([[0, -1]]), t.ones(2), (2,), check_invariants=True),
    "negative without size": lambda t: t.sparse_coo_tensor(t.tensor([[0, 1], [0, -1]]), t.ones(2)),
    "flat indices": lambda t: t.sparse_coo_tensor(t.tensor([0]), t.ones(1)),
    "questions": lambda t: [
        f(s) for s in (matrix(t), matrix(t).coalesce(), rows(t)) for f in (
            lambda s: s.is_sparse, lambda s: s.layout, lambda s: s.is_coalesced(), lambda s: s._nnz(), lambda s: s.sparse_dim(),
            lambda s: s.dense_dim(), lambda s: s.shape, lambda s: s.size(), lambda s: s.size(-1), lambda s: s.dim(), lambda s: s.ndim,
            lambda s: s.numel(), lambda s: s.dtype, lambda s: s.device, lambda s: s.requires_grad, lambda s: s.is_leaf, len,
            lambda s: s.is_floating_point(), lambda s: s.is_contiguous(), lambda s: s.stride(), lambda s: t.is_tensor(s),
            lambda s: type(s).__name__,
        )
    ],
    "coalesce": lambda t: matrix(t).coalesce(),
    "coalesce rows": lambda t: rows(t).coalesce(),
    "to_dense": lambda t: matrix(t).to_dense(),
    "to_dense rows": lambda t: rows(t).to_dense(),
    "_indices": lambda t: matrix(t)._indices(),
    "_values": lambda t: matrix(t)._values(),
    "indices": lambda t: matrix(t).indices(),
    "values": lambda t: matrix(t).values(),
    "indices coalesced": lambda t: [matrix(t).coalesce().indices(), matrix(t).coalesce().values()],
    "to_sparse": lambda t: dense(t).to_sparse(),
    "to_sparse 1": lambda t: dense(t).to_sparse(1),
    "to_sparse itself": lambda t: matrix(t).to_sparse(),
    "mm": lambda t: [t.sparse.mm(matrix(t), dense(t)), matrix(t) @ dense(t), matrix(t).mm(dense(t)), t.mm(matrix(t), dense(t)),
                     t.matmul(matrix(t), dense(t)), t.spmm(matrix(t), dense(t))],
    "mm dense first": lambda t: [dense(t) @ matrix(t), t.mm(dense(t), matrix(t))],
    "mm sparse": lambda t: t.sparse.mm(matrix(t), matrix(t).t()),
    "mm badly": lambda t: t.sparse.mm(matrix(t), dense(t)[:2]),
    "mv": lambda t: [matrix(t) @ dense(t)[:, 0], t.mv(matrix(t), dense(t)[:, 1])],
    "addmm": lambda t: [t.sparse.addmm(t.ones(2, 2), matrix(t), dense(t)), t.addmm(t.ones(2, 2), matrix(t), dense(t), beta=0.5, alpha=2)],
    "t": lambda t: [matrix(t).t(), matrix(t).transpose(0, 1), matrix(t).T],
    "times a number": lambda t: [matrix(t) * 2, 2 * matrix(t), matrix(t) / 2, -matrix(t), matrix(t).mul(3)],
    "times dense": lambda t: matrix(t) * dense(t).t(),
    "times sparse": lambda t: (matrix(t).coalesce() * (dense(t).t() + 5).to_sparse()).to_dense(),
    "plus sparse": lambda t: [(matrix(t) + matrix(t)).to_dense(), (matrix(t) - rows(t).to_dense().t()[:, :3].to_sparse()).to_dense()],
    "dense plus sparse": lambda t: [dense(t).t() + matrix(t), t.add(dense(t).t(), matrix(t), alpha=2)],
    "sparse plus dense": lambda t: matrix(t) + dense(t).t(),
    "sparse plus a number": lambda t: matrix(t) + 1,
    "sum": lambda t: [t.sparse.sum(matrix(t)), matrix(t).sum(), t.sparse.sum(matrix(t), 0), t.sparse.sum(matrix(t), 1),
                      t.sparse.sum(matrix(t), [0, 1]), t.sparse.sum(rows(t), 1), t.sparse.sum(rows(t), 0)],
    "norm": lambda t: [matrix(t).norm(), matrix(t).norm(1), matrix(t).norm(dim=(0, 1)), t.norm(matrix(t), 3), matrix(t).norm(dim=[])],
    "norm of rows": lambda t: matrix(t).norm(dim=0),
    "norm kept": lambda t: matrix(t).norm(2, dim=(0, 1), keepdim=True),
    "of the values": lambda t: [getattr(matrix(t), name)() for name in ("abs", "relu", "sin", "sqrt", "tanh", "sign", "floor", "expm1")],
    "power": lambda t: [matrix(t).pow(2), matrix(t) ** 3],
    "exp": lambda t: matrix(t).exp(),
    "softmax": lambda t: [t.sparse.softmax(matrix(t), 1), t.sparse.softmax(matrix(t), 0), t.sparse.log_softmax(matrix(t), 1), t.sparse.softmax(rows(t), 1)],
    "types": lambda t: [matrix(t).double(), matrix(t).to(t.float16), matrix(t).long(), matrix(t).bool(), matrix(t).float() is not None],
    "the same": lambda t: [(lambda s: [s.cpu() is s, s.float() is s, s.to("cpu") is s, s.coalesce() is s])(matrix(t))],
    "copies": lambda t: [matrix(t).clone(), matrix(t).detach(), copy.deepcopy(matrix(t)), t.zeros_like(matrix(t))],
    "cat": lambda t: [t.cat([matrix(t), matrix(t)]), t.cat([matrix(t), matrix(t)], 1), t.stack([matrix(t), matrix(t)]), matrix(t).unsqueeze(0)],
    "select": lambda t: [matrix(t)[0], matrix(t)[1], matrix(t).select(1, 2), matrix(t).index_select(0, t.tensor([1]))],
    "select badly": lambda t: matrix(t)[2],
    "sparse_mask": lambda t: dense(t).t().sparse_mask(matrix(t).coalesce()),
    "view": lambda t: matrix(t).view(6),
    "reshape": lambda t: matrix(t).reshape(6),
    "numpy": lambda t: matrix(t).numpy(),
    "storage": lambda t: matrix(t).storage(),
    "data_ptr": lambda t: matrix(t).data_ptr(),
    "tolist": lambda t: matrix(t).tolist(),
    "item": lambda t: matrix(t).item(),
    "bool": lambda t: bool(matrix(t)),
    "equal": lambda t: t.equal(matrix(t), matrix(t)),
    "dot": lambda t: t.dot(matrix(t), matrix(t)),
    "flags": lambda t: [matrix(t).is_conj(), matrix(t).is_neg()],
    "diagonals": lambda t: [
        t.sparse.spdiags(t.arange(9).reshape(3, 3), t.tensor(offsets), (size, size))
        for size in (3, 5)
        for offsets in ([0, 1, 2], [0, -1, 1], [-2, 0, 1], [3, -3, 0])
    ],
    "one diagonal": lambda t: t.sparse.spdiags(t.arange(3), t.tensor(0), (3, 3)),
    "diagonals twice": lambda t: t.sparse.spdiags(t.ones(2, 3), t.tensor([1, 1]), (3, 3)),
    "too many diagonals": lambda t: t.sparse.spdiags(t.ones(2, 3), t.tensor([1]), (3, 3)),
    "floating offsets": lambda t: t.sparse.spdiags(t.ones(2, 3), t.tensor([1.0, 2.0]), (3, 3)),
    "diagonals of a vector": lambda t: t.sparse.spdiags(t.ones(2, 3), t.tensor([0, 1]), (3,)),
    "a matrix of offsets": lambda t: t.sparse.spdiags(t.ones(2, 3), t.tensor([[0, 1]]), (3, 3)),
    "strided diagonals": lambda t: t.sparse.spdiags(t.ones(2, 3), t.tensor([0, 1]), (3, 3), layout=t.strided),
    "a cube of diagonals": lambda t: t.sparse.spdiags(t.ones(1, 2, 3), t.tensor([0]), (3, 3)),
    "same size": lambda t: [matrix(t).is_same_size(matrix(t)), matrix(t).is_same_size(rows(t))],
}  # fmt: skip


@pytest.mark.parametrize("name", CALLS)
@pytest.mark.filterwarnings("ignore")
def test_call(name: str) -> None:
    assert outcome(tinytorch, CALLS[name]) == outcome(torch, CALLS[name])


def gradients(t: Any) -> list[Any]:
    values = t.tensor([3.0, -4.0, 5.5], requires_grad=True)
    other = dense(t).requires_grad_()
    sparse = t.sparse_coo_tensor(t.tensor([[0, 1, 1], [2, 0, 0]]), values, (2, 3))
    weights = t.arange(4.0).view(2, 2) + 1
    (t.sparse.mm(sparse, other) * weights).sum().backward()
    results = [values.grad.clone(), other.grad.clone(), repr(sparse).replace(hex(id(sparse)), "")]
    for function in (
        lambda s: (s.to_dense() ** 2).sum(),
        lambda s: (s.coalesce().values() ** 2).sum(),
        lambda s: t.sparse.sum(s * 3),
        lambda s: (t.sparse.softmax(s, 1).to_dense() * dense(t).t()).sum(),
        lambda s: ((s.t() @ dense(t).t()[:, :2].t()[:2]) ** 2).sum(),
    ):
        values.grad = None
        function(t.sparse_coo_tensor(t.tensor([[0, 1, 1], [2, 0, 0]]), values, (2, 3))).backward()
        results.append(values.grad)
    leaf = matrix(t).requires_grad_()
    (t.sparse.mm(leaf, dense(t)) * weights).sum().backward()
    return [*results, leaf.grad]


@pytest.mark.filterwarnings("ignore")
def test_gradients() -> None:
    assert [described(tinytorch, one) for one in gradients(tinytorch)] == [
        described(torch, one) for one in gradients(torch)
    ]


@pytest.mark.filterwarnings("ignore")
def test_writing_in_place() -> None:
    def values(t: Any) -> list[Any]:
        sparse = matrix(t)
        sparse.mul_(2)
        sparse *= 3
        sparse.neg_()
        again = matrix(t).coalesce()
        again.add_(matrix(t))
        return [sparse, again.to_dense()]

    assert described(tinytorch, values(tinytorch)) == described(torch, values(torch))


def test_pickle() -> None:
    sparse = matrix(tinytorch).coalesce()
    assert repr(pickle.loads(pickle.dumps(sparse))) == repr(sparse)


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("weights_only", [True, False])
def test_files(tmp_path: Any, weights_only: bool) -> None:
    for writer, reader in ((tinytorch, torch), (torch, tinytorch), (tinytorch, tinytorch)):
        path = tmp_path / "sparse.pt"
        writer.save({"a": matrix(writer), "b": rows(writer).coalesce()}, path)
        found = reader.load(path, weights_only=weights_only)
        assert described(reader, found["a"]) == described(reader, matrix(reader))
        assert described(reader, found["b"]) == described(reader, rows(reader).coalesce())


UNKNOWN: list[Callable[[Any], Any]] = [
    lambda s: s.numpy(force=True),
    lambda s: tinytorch.zeros(3, 3).copy_(s),
    lambda s: tinytorch.zeros(3, 3).mul_(s),
    lambda s: tinytorch.zeros(3, 3).__setitem__(0, s[0]),
    lambda s: tinytorch.where(s.to_dense() > 0, s, 0.0),
    lambda s: tinytorch.nn.Linear(3, 2)(s),
    lambda s: tinytorch.einsum("ij,jk->ik", s, s.to_dense()),
    lambda s: tinytorch.vmap(lambda row: row * 2)(s),
    lambda s: list(s),
    lambda s: s.max(),
    lambda s: tinytorch.allclose(s, s),
    lambda s: s.fill_(1.0),
    lambda s: s.backward(),
]


@pytest.mark.parametrize("number", range(len(UNKNOWN)))
def test_nothing_takes_a_sparse_tensor_for_a_strided_one(number: int) -> None:
    with pytest.raises((NotImplementedError, RuntimeError, TypeError)):
        UNKNOWN[number](tinytorch.eye(3).to_sparse())


@pytest.mark.parametrize("kind", ["Adam", "AdamW", "RMSprop", "Adadelta"])
def test_optimizers_refuse_sparse_gradients(kind: str) -> None:
    parameter = tinytorch.ones(3, 3, requires_grad=True)
    optimizer = getattr(tinytorch.optim, kind)([parameter], lr=0.1)
    with pytest.raises((NotImplementedError, RuntimeError, TypeError)):
        parameter.grad = tinytorch.eye(3).to_sparse()
        optimizer.step()
    assert parameter.detach().tolist() == tinytorch.ones(3, 3).tolist()


def test_what_is_missing_says_so() -> None:
    with pytest.raises(NotImplementedError, match="SparseCPU"):
        matrix(tinytorch).cumsum(0)
    with pytest.raises(NotImplementedError, match="SparseCPU"):
        matrix(tinytorch).exp_()
    with pytest.raises(NotImplementedError, match="sparse"):
        tinytorch.eye(2).to_sparse_csr()
