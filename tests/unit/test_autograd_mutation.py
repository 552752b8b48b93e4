"""Views and writing in place: random programs, run on torch and here, compared after every step and in first and second derivatives."""

from __future__ import annotations

import random
import re

import pytest

torch = pytest.importorskip("torch")
import tinytorch

from .journal import agrees

warnings_ignored = pytest.mark.filterwarnings("ignore")

VIEWS = [
    "select0",
    "slice",
    "t",
    "flat",
    "unsq",
    "sq",
    "expand",
    "diag",
    "detach",
    "viewas",
    "narrow",
    "unbind",
    "split",
    "getrow",
    "getcol",
    "ellipsis",
    "chunk",
    "data",
    "permute",
    "real",
    "movedim",
    "unfold",
    "alias_as_strided",
]
INPL = [
    "mul_",
    "add_",
    "copy_",
    "zero_",
    "fill_",
    "set_row",
    "set_slice",
    "set_mask",
    "exp_",
    "sigm_",
    "addc",
    "iadd",
    "set_ell",
    "relu_",
    "masked_fill_",
    "index_add",
    "clamp_",
    "setnum",
    "pow_",
    "neg_",
    "div_",
    "t_",
    "unsq_",
    "detach_",
    "sqrt_",
    "where",
    "index_put",
    "index_fill",
    "scatter",
    "rg",
]
OUTP = [
    "mul",
    "add",
    "exp",
    "sum",
    "clone",
    "contig",
    "reshape",
    "cat",
    "matmulish",
    "mean0",
    "custom",
    "to",
    "tanh",
]


def gen(rng, n):
    prog = []
    for _i in range(n):
        k = rng.random()
        op = rng.choice(VIEWS if k < 0.4 else INPL if k < 0.8 else OUTP)
        mode = rng.choice(["", "", "", "", "ng"])
        if op in ("t_", "unsq_"):
            mode = ""  # a leaf reshaped without recording while graphs refer to it: torch remembers its former shape
        prog.append((op, rng.randrange(10**6), rng.randrange(10**6), rng.randrange(10**6), mode))
    return prog


def run(T, prog, seed, final=True):
    import numpy as np

    r = np.random.RandomState(seed)
    mk = lambda *s: T.tensor(r.uniform(0.5, 1.5, s).astype("float64").tolist(), dtype=T.float64)
    x = mk(2, 3).requires_grad_()
    w = mk(3, 2).requires_grad_()
    c = mk(2, 3)
    d = mk(3)

    class Cu(T.autograd.Function):
        @staticmethod
        def forward(ctx, a):
            ctx.save_for_backward(a)
            return a * a

        @staticmethod
        def backward(ctx, g):
            (a,) = ctx.saved_tensors
            return 2 * a * g

    ts = [x, w, c, d, x * 1.5, (w * 2).t(), c.clone()]
    log = []

    def names(t):
        return type(t.grad_fn).__name__

    def state():
        out = []
        for t in ts:
            try:
                out.append(
                    (
                        tuple(t.shape),
                        t.requires_grad,
                        t.is_leaf,
                        names(t),
                        t._version if not t.is_inference() else None,
                        t._is_view(),
                        next((i for i, o in enumerate(ts) if o is t._base), None) if t._is_view() else None,
                        t.output_nr,
                    )
                )
            except Exception as e:
                out.append((type(e).__name__, str(e)))
        return out

    def do(op, a, b, k):
        t = ts[a % len(ts)]
        u = ts[b % len(ts)]

        def fit(u, t):  # u broadcastable to t, else number-ish
            try:
                if T.broadcast_shapes(u.shape, t.shape) == t.shape:
                    return u
            except Exception:
                pass
            return 1.25

        R = []
        if op == "select0":
            R = [t.select(k % t.dim(), k % t.shape[k % t.dim()])]
        elif op == "slice":
            R = [t[k % 2 :]]
        elif op == "t":
            R = [t.transpose(0, -1)]
        elif op == "flat":
            R = [t.view(-1)]
        elif op == "unsq":
            R = [t.unsqueeze(k % 2)]
        elif op == "sq":
            R = [t.squeeze()]
        elif op == "expand":
            R = [t.expand(2, *t.shape)]
        elif op == "diag":
            R = [t.diagonal()]
        elif op == "detach":
            R = [t.detach()]
        elif op == "viewas":
            R = [t.view_as(t)]
        elif op == "narrow":
            R = [t.narrow(0, 0, 1)]
        elif op == "unbind":
            R = list(t.unbind(k % t.dim()))[:2]
        elif op == "split":
            R = list(t.split(1, k % t.dim()))[:2]
        elif op == "chunk":
            R = list(t.chunk(2, 0))
        elif op == "getrow":
            R = [t[0]]
        elif op == "getcol":
            R = [t[..., -1]]
        elif op == "ellipsis":
            R = [t[...]]
        elif op == "data":
            R = [t.data]
        elif op == "permute":
            R = [t.permute(*reversed(range(t.dim())))]
        elif op == "real":
            R = [T.view_as_real(t) if t.is_complex() else t.view(t.shape)]
        elif op == "movedim":
            R = [t.movedim(0, -1)]
        elif op == "unfold":
            R = [t.unfold(0, 2, 1)]
        elif op == "alias_as_strided":
            R = [t.as_strided((2,), (1,))]
        elif op == "mul_":
            t.mul_(fit(u, t))
        elif op == "add_":
            t.add_(fit(u, t), alpha=2)
        elif op == "div_":
            t.div_(2.0)
        elif op == "copy_":
            v = fit(u, t)
            t.copy_(v) if isinstance(v, T.Tensor) else t.add_(1)
        elif op == "zero_":
            t.zero_()
        elif op == "fill_":
            v = u.sum() if k % 2 else 1.5
            t.fill_(v)
        elif op == "set_row":
            t[0] = fit(u, t[0])
        elif op == "set_slice":
            t[:, 1:] = u.mean()
        elif op == "set_mask":
            t[t > 1.0] = 0.5
        elif op == "set_ell":
            t[...] = fit(u, t)
        elif op == "setnum":
            t[-1] = 2.0
        elif op == "exp_":
            t.sub_(1).exp_()
        elif op == "sigm_":
            t.sigmoid_()
        elif op == "addc":
            v = fit(u, t)
            t.addcmul_(t.detach().clone(), v if isinstance(v, T.Tensor) else T.ones((), dtype=T.float64))
        elif op == "iadd":
            t += fit(u, t)
        elif op == "relu_":
            t.relu_()
        elif op == "masked_fill_":
            t.masked_fill_(t > 1.2, 0.3)
        elif op == "index_add":
            t.index_add_(0, T.tensor([0]), u.sum().expand(1, *t.shape[1:]))
        elif op == "clamp_":
            t.clamp_(0.2, 1.1)
        elif op == "pow_":
            t.pow_(2)
        elif op == "neg_":
            t.neg_()
        elif op == "t_":
            t.transpose_(0, -1)
        elif op == "unsq_":
            t.unsqueeze_(0)
        elif op == "detach_":
            t.detach_()
        elif op == "rg":
            t.requires_grad_(bool(k % 2))
        elif op == "sqrt_":
            t.abs_().add_(1).sqrt_()
        elif op == "where":
            R = [T.where(t > 1, t, fit(u, t) if isinstance(fit(u, t), T.Tensor) else t * 2)]
        elif op == "index_put":
            t.index_put_((T.tensor([0, 0]),), u.mean(), accumulate=True)
        elif op == "index_fill":
            t.index_fill_(0, T.tensor([0]), 1.0)
        elif op == "scatter":
            t.scatter_(0, T.zeros((1,) * t.dim(), dtype=T.int64), u.mean().expand((1,) * t.dim()))
        elif op == "mul":
            R = [t * fit(u, t)]
        elif op == "add":
            R = [t + fit(u, t)]
        elif op == "exp":
            R = [(t * 0.3).exp()]
        elif op == "tanh":
            R = [t.tanh()]
        elif op == "sum":
            R = [t.sum(0)]
        elif op == "mean0":
            R = [t.mean(-1, keepdim=True)]
        elif op == "clone":
            R = [t.clone()]
        elif op == "contig":
            R = [t.contiguous()]
        elif op == "to":
            R = [t.to(T.float64)]
        elif op == "reshape":
            R = [t.reshape(-1)]
        elif op == "cat":
            R = [T.cat([t, t])]
        elif op == "matmulish":
            R = [(t * t).sum(-1)]
        elif op == "custom":
            R = [Cu.apply(t)]
        for q in R:
            if q.numel() <= 40 and q.dim() < 5 and q.numel() > 0:
                ts.append(q)
        if len(ts) > 14:
            del ts[6 : len(ts) - 8]

    for op, a, b, k, m in prog:
        try:
            if m == "ng":
                with T.no_grad():
                    do(op, a, b, k)
            elif m == "inf":
                with T.inference_mode():
                    do(op, a, b, k)
            else:
                do(op, a, b, k)
            log.append((op, m, a % len(ts), "ok"))
        except Exception as e:
            log.append((op, m, type(e).__name__, str(e).split("\n")[0]))
        log.append(state())
        log.append(
            [
                t.detach().reshape(-1).tolist()
                if 0
                else [round(v, 9) for v in t.detach().reshape(-1).tolist()]
                for t in ts
            ]
        )
    if final:
        g = None
        try:
            L = 0.0
            for i, t in enumerate(ts):
                if t.requires_grad:
                    L = L + (t * t * (i + 1) * 0.1).sum()
            if isinstance(L, float):
                log.append("nothing")
            else:
                g = T.autograd.grad(L, [x, w], create_graph=True, allow_unused=True)
                log.append(
                    [None if i is None else [float(f"{v:.7g}") for v in i.reshape(-1).tolist()] for i in g]
                )
                L2 = sum((i * i).sum() for i in g if i is not None and i.requires_grad)
                h = T.autograd.grad(L2, [x, w], allow_unused=True)
                log.append(
                    [None if i is None else [float(f"{v:.6g}") for v in i.reshape(-1).tolist()] for i in h]
                )
        except Exception as e:
            log.append((type(e).__name__, re.sub("0x[0-9a-f]+", "", str(e)).split("\n")[0]))
        try:
            L = sum((t * t).sum() for t in ts[4:] if t.requires_grad)
            if not isinstance(L, int):
                L.backward()
            log.append(
                [
                    None if t.grad is None else [float(f"{v:.7g}") for v in t.grad.reshape(-1).tolist()]
                    for t in (x, w)
                ]
            )
        except Exception as e:
            log.append((type(e).__name__, re.sub("0x[0-9a-f]+", "", str(e)).split("\n")[0]))
    return log


def comparable(entry):
    """Of a stale saved tensor, which of two histories the text names depends on what else is alive: not compared."""
    if isinstance(entry, tuple) and isinstance(entry[-1], str):
        return (*entry[:-1], re.sub(r", which is output \d+ of \w+,", "", entry[-1]))
    return entry


@warnings_ignored
@pytest.mark.parametrize("block", range(6))
def test_random_programs(block: int) -> None:
    for seed in range(10_000 + 25 * block, 10_025 + 25 * block):
        rng = random.Random(seed)
        program = gen(rng, rng.randrange(2, 10))
        wanted, found = run(torch, program, seed), run(tinytorch, program, seed)
        for step, (a, b) in enumerate(zip(wanted, found)):
            assert agrees(comparable(a), comparable(b)), (
                f"seed {seed}, entry {step}: {[(p[0], p[4]) for p in program]}\n torch {a}\n here  {b}"
            )
