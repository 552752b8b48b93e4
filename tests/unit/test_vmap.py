"""vmap against torch: results, shapes, errors and random draws."""

from __future__ import annotations

import importlib
from typing import Any

import pytest
from transforms import outcome

import tinytorch

torch = pytest.importorskip("torch")


PROGRAMS = {
    "item": "vmap(lambda a: a.item())(x)",
    "bool": "vmap(lambda a: a if a > 0 else -a)(x)",
    "float": "vmap(lambda a: float(a))(x)",
    "tolist": "vmap(lambda a: a.tolist())(x)",
    "numpy": "vmap(lambda a: a.numpy())(x)",
    "nonzero": "vmap(lambda a: a.nonzero())(e3)",
    "masked_select": "vmap(lambda a: torch.masked_select(a, a > 0))(e3)",
    "boolindex": "vmap(lambda a: a[a > 0])(e3)",
    "unique": "vmap(lambda a: torch.unique(a))(e3)",
    "equal": "vmap(lambda a: torch.tensor(1.0) * torch.equal(a, a))(e3)",
    "ip": "vmap(lambda a: torch.zeros(3).add_(a))(torch.ones(2, 3))",
    "setitem": "vmap(lambda a: torch.zeros(3).__setitem__(0, a[0]))(e3)",
    "setitem2": "vmap(lambda a: torch.zeros(3).copy_(a))(e3)",
    "out": "vmap(lambda a: torch.sin(a, out=torch.zeros(3)))(e3)",
    "rand": "vmap(lambda a: a + torch.rand(3))(e3)",
    "dropout": "vmap(lambda a: torch.dropout(a, 0.5, True))(e3)",
    "rg": "vmap(lambda a: a.requires_grad_())(e3)",
    "len": "vmap(lambda a: a * len(a))(e3)",
    "iter": "vmap(lambda a: sum(a))(e3)",
    "bw": "vmap(lambda a: torch.autograd.grad(a.sum(), a))(torch.eye(3).requires_grad_())",
    "in1": "vmap(lambda a: a.sum(0), in_dims=1)(B)",
    "in-1": "vmap(lambda a: a * 2, in_dims=-1, out_dims=1)(B)",
    "out-1": "vmap(lambda a: a * 2, out_dims=-1)(B)",
    "nest": "vmap(vmap(lambda a, b: a @ b, (0, None)), (0, 0))(B, B.sum(1))",
    "nest2": "vmap(vmap(lambda a, b: a.softmax(0) + b, (None, 0)), (0, None))(M, M)",
    "pytree": "vmap(lambda d, s: {'r': d['a'] * s, 'q': (d['b'][0],)}, in_dims=({'a': 0, 'b': (1,)}, None))({'a': M, 'b': (M.t(),)}, 3.0)",
    "kw": "vmap(lambda a, k: a * k)(M, k=2)",
    "chunk": "vmap(lambda a: a.sin().sum(), chunk_size=2)(M)",
    "const": "vmap(lambda a: torch.ones(2))(M)",
    "mismatch": "vmap(lambda a, b: a + b)(M, x[:2])",
    "noin": "vmap(lambda a: a)()",
    "nontensor": "vmap(lambda a: a)(3)",
    "baddim": "vmap(lambda a: a, in_dims=5)(M)",
    "badstruct": "vmap(lambda a, b: a, in_dims=(0,))(M, M)",
    "outnone": "vmap(lambda a: a, out_dims=None)(M)",
    "retnum": "vmap(lambda a: 3)(M)",
    "outdims": "vmap(lambda a: (a, a), out_dims=(0, 1))(M)",
    "outdims2": "vmap(lambda a: (a, a), out_dims=(0, 1, 2))(M)",
    "outdims3": "vmap(lambda a: a, out_dims='x')(M)",
    "rand bad": "vmap(lambda a: a, randomness='x')(M)",
    "chunk bad": "vmap(lambda a: a, chunk_size=0)(M)",
    "promote": "vmap(lambda a, b: a * b)(x, torch.ones(3, 4, dtype=torch.float64))",
    "promote2": "vmap(lambda a, b: a * b)(x.double(), torch.ones(3, 4))",
    "promote3": "vmap(lambda a: (a * 2.5, a / 2, a > 1, a ** 2, 2 - a))(torch.arange(3))",
}

FUNCTIONS = {
    "sum": "lambda a: a.sum()",
    "sumd": "lambda a: a.sum(0)",
    "mean": "lambda a: a.mean(-1, keepdim=True)",
    "softmax": "lambda a: a.softmax(-1)",
    "lsm": "lambda a: a.log_softmax(0)",
    "max": "lambda a: a.max()",
    "maxd": "lambda a: a.max(0)",
    "argmax": "lambda a: a.argmax()",
    "argmaxd": "lambda a: a.argmax(1)",
    "sort": "lambda a: a.sort(-1)",
    "topk": "lambda a: a.topk(2)",
    "cat": "lambda a: torch.cat([a, M])",
    "stack": "lambda a: torch.stack([a, a], -1)",
    "T": "lambda a: a.T",
    "mT": "lambda a: a.mT",
    "tr": "lambda a: a.transpose(0, -1)",
    "resh": "lambda a: a.reshape(-1)",
    "resh2": "lambda a: a.T.reshape(2, 6)",
    "view": "lambda a: a.view(6, -1)",
    "flat": "lambda a: a.flatten()",
    "unsq": "lambda a: a.unsqueeze(-1)",
    "exp": "lambda a: a.expand(2, 3, 4)",
    "idx": "lambda a: a[0]",
    "idx2": "lambda a: a[:, 1:3]",
    "idx3": "lambda a: a[..., None]",
    "idx4": "lambda a: a[[0, 2]]",
    "idx5": "lambda a: a[:, torch.tensor([1, 0])]",
    "idx6": "lambda a: a[torch.tensor([0, 1]), torch.tensor([1, 2])]",
    "diag": "lambda a: a.diagonal()",
    "mm": "lambda a: a @ M.T",
    "mm2": "lambda a: M.T @ a",
    "bmm": "lambda a: torch.bmm(a[None], M.T[None])",
    "mv": "lambda a: a @ M[0]",
    "dot": "lambda a: torch.dot(a[0], a[1])",
    "lin": "lambda a: torch.nn.functional.linear(a, M, x)",
    "norm": "lambda a: a.norm()",
    "var": "lambda a: a.var(0)",
    "std": "lambda a: a.std()",
    "cumsum": "lambda a: a.cumsum(1)",
    "where": "lambda a: torch.where(a > 0, a, 0.0)",
    "clamp": "lambda a: a.clamp(0)",
    "flip": "lambda a: a.flip(0)",
    "roll": "lambda a: a.roll(1)",
    "unbind": "lambda a: a.unbind(1)",
    "split": "lambda a: a.split(2, 1)",
    "chunk": "lambda a: a.chunk(2, -1)",
    "rep": "lambda a: a.repeat(2, 1)",
    "tile": "lambda a: a.tile(2)",
    "rint": "lambda a: a.repeat_interleave(2)",
    "gather": "lambda a: a.gather(1, torch.tensor([[0], [1], [2]]))",
    "isel": "lambda a: a.index_select(1, torch.tensor([0, 2]))",
    "take": "lambda a: a.take(torch.tensor([0, 5]))",
    "scat": "lambda a: torch.zeros(3, 4).scatter(1, torch.tensor([[0], [1], [2]]), a)",
    "ein": "lambda a: torch.einsum('ij,kj->ik', a, M)",
    "outer": "lambda a: torch.outer(a[0], a[1])",
    "mfill": "lambda a: a.masked_fill(a > 0, 7.0)",
    "tril": "lambda a: a.tril()",
    "allany": "lambda a: ((a > 0).all(), (a > 0).any(1))",
    "prod": "lambda a: (a.prod(), a.prod(0))",
    "logsumexp": "lambda a: a.logsumexp((0, 1))",
    "conv": "lambda a: torch.nn.functional.conv1d(a[None], torch.ones(2, 3, 2))",
    "conv2": "lambda a: torch.nn.functional.conv1d(torch.ones(1, 3, 4), a[None, :, :2])",
    "pad": "lambda a: torch.nn.functional.pad(a, (1, 1))",
    "ln": "lambda a: torch.nn.functional.layer_norm(a, (4,))",
    "ce": "lambda a: torch.nn.functional.cross_entropy(a, torch.tensor([0, 1, 2]))",
    "mse": "lambda a: torch.nn.functional.mse_loss(a, M)",
    "movedim": "lambda a: a.movedim(0, 1)",
    "sq": "lambda a: a[:1].squeeze(0)",
    "sq2": "lambda a: a[:1].squeeze()",
    "unf": "lambda a: a.unfold(1, 2, 1)",
    "like": "lambda a: (torch.zeros_like(a).add_(a), a.new_zeros(2).fill_(a[0, 0]), torch.ones_like(a), torch.full_like(a, 3.0))",
    "ipl": "lambda a: (lambda c: (c.mul_(2), c[0].add_(1), c)[2])(a.clone())",
    "seti": "lambda a: (lambda c: (c.__setitem__(0, a[1]), c)[1])(a.clone())",
    "setm": "lambda a: (lambda c: (c.__setitem__(c > 0, 0.0), c)[1])(a.clone())",
    "contig": "lambda a: a.T.contiguous()",
    "to": "lambda a: a.to(torch.float64)",
    "dbl": "lambda a: a.double().long()",
    "topy": "lambda a: a.size(0) * a",
    "cdist": "lambda a: torch.cdist(a, M)",
    "bl": "lambda a: torch.baddbmm(a[None], a[None], torch.ones(1, 4, 4))",
    "addmm": "lambda a: torch.addmm(x[:, None], a, M.T)",
    "inv": "lambda a: torch.linalg.inv(a[:, :3] + 3 * e3)",
    "det": "lambda a: torch.linalg.det(a[:, :3])",
    "med": "lambda a: a.median(0)",
    "kth": "lambda a: a.kthvalue(2, 0)",
    "aw": "lambda a: torch.tensordot(a, M, ([1], [1]))",
    "mesh": "lambda a: torch.meshgrid(a[0], a[1], indexing='ij')",
    "iadd": "lambda a: a.clone().index_add_(0, torch.tensor([0]), a[1:2])",
    "trc": "lambda a: a[:, :3].trace()",
    "lerp": "lambda a: a.lerp(M, 0.5)",
    "cx": "lambda a: torch.complex(a, a).abs()",
    "emb": "lambda a: torch.nn.functional.embedding(torch.tensor([0, 2]), a)",
    "drop0": "lambda a: torch.nn.functional.dropout(a, 0.5, False)",
    "mp": "lambda a: torch.nn.functional.max_pool1d(a[None], 2)",
    "bn": "lambda a: torch.nn.functional.batch_norm(a, None, None, training=True)",
    "detach": "lambda a: a.detach()",
    "tup": "lambda a: tuple(a)",
    "asstr": "lambda a: a.as_strided((2, 2), (1, 2))",
    "sqz": "lambda a: a.clone().t_()",
}

RANDOM = {
    "rand": "lambda a: torch.rand(2)",
    "randn": "lambda a: torch.randn(2)",
    "randint": "lambda a: torch.randint(0, 100, (2,))",
    "rl": "lambda a: torch.rand_like(a)",
    "bern": "lambda a: torch.bernoulli(torch.full((3,), 0.5))",
    "bb": "lambda a: torch.bernoulli(a)",
    "drop": "lambda a: torch.dropout(torch.ones(3), 0.5, True)",
    "dropb": "lambda a: torch.dropout(a + 1, 0.5, True)",
    "perm": "lambda a: torch.randperm(4)",
    "ip": "lambda a: a.clone().normal_()",
    "ip2": "lambda a: torch.zeros(3).normal_()",
    "normal": "lambda a: torch.normal(a, 1.0)",
    "mult": "lambda a: torch.multinomial(a + 1, 2)",
    "fd": "lambda a: torch.nn.functional.feature_alpha_dropout(torch.ones(2, 2), 0.5, True)",
}


@pytest.mark.parametrize("name", PROGRAMS)
def test_program(name: str) -> None:
    assert outcome(tinytorch, PROGRAMS[name]) == outcome(torch, PROGRAMS[name])


@pytest.mark.parametrize("name", FUNCTIONS)
def test_function_over_every_dimension(name: str) -> None:
    for dim in (0, 1, 2):
        program = f"vmap({FUNCTIONS[name]}, in_dims={dim})(B.movedim(0, {dim}).contiguous())"
        assert outcome(tinytorch, program) == outcome(torch, program)


@pytest.mark.parametrize("randomness", ["error", "same", "different"])
@pytest.mark.parametrize("name", RANDOM)
def test_random_draws(name: str, randomness: str) -> None:
    program = f"(vmap({RANDOM[name]}, randomness={randomness!r})(e3), torch.rand(1))"
    assert outcome(tinytorch, program) == outcome(torch, program)


def test_batched_tensors_describe_one_example() -> None:
    seen = []
    for library in (torch, tinytorch):
        notes: list[Any] = []

        def note(a: Any, notes: list[Any] = notes) -> Any:
            notes.extend(
                [repr(a), tuple(a.shape), a.stride(), a.is_contiguous(), a.dim(), a.numel(), a.requires_grad]
            )
            return a

        importlib.import_module(f"{library.__name__}.func").vmap(note)(
            library.tensor([[1.0, 2.0], [3.0, 4.0]])
        )
        seen.append(notes)
    assert seen[0] == seen[1]


def test_elements_of_a_batch_are_never_read_for_all_examples() -> None:
    """Code that reads memory directly must not take one example for all of them."""
    from tinytorch.func import vmap

    def peek(a: Any) -> Any:
        return tinytorch.tensor(a._array.reshape(-1))

    with pytest.raises(NotImplementedError, match="reads the elements"):
        vmap(peek)(tinytorch.eye(3))


def test_writing_into_a_batch_writes_into_the_batch() -> None:
    for library in (torch, tinytorch):
        values = library.arange(6.0).reshape(2, 3)
        importlib.import_module(f"{library.__name__}.func").vmap(lambda a: a[1:].mul_(10))(values)
        assert values.tolist() == [[0.0, 10.0, 20.0], [3.0, 40.0, 50.0]]
