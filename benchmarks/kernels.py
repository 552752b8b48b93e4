"""Ratios tinytorch / torch of single operators: ``python benchmarks/kernels.py [--only TEXT] [--rounds N] [--json FILE]``.

Inputs of the sizes that networks have, float32 unless a case says otherwise, one thread. Processes of either side take turns, and of each
side the best round counts. With backward: the gradients of all inputs, of a fixed cotangent.
"""

from __future__ import annotations

import argparse
import importlib
import json
import math
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE))

#: name -> (call of what is timed, its inputs: shapes, or expressions of T, the library). A name that ends in "'" is with backward.
CASES: dict[str, tuple[str, str]] = {
    "exp": ("x.exp()", "(1000, 1000)"),
    "tanh": ("x.tanh()", "(1000, 1000)"),
    "sigmoid": ("x.sigmoid()", "(1000, 1000)"),
    "relu": ("F.relu(x)", "(1000, 1000)"),
    "relu'": ("F.relu(x)", "(1000, 1000)"),
    "gelu": ("F.gelu(x)", "(1000, 1000)"),
    "gelu'": ("F.gelu(x)", "(1000, 1000)"),
    "gelu tanh": ("F.gelu(x, approximate='tanh')", "(1000, 1000)"),
    "silu": ("F.silu(x)", "(1000, 1000)"),
    "silu'": ("F.silu(x)", "(1000, 1000)"),
    "clamp": ("x.clamp(-1, 1)", "(1000, 1000)"),
    "where": ("T.where(y > 0, x, y)", "(1000, 1000); (1000, 1000)"),
    "masked_fill": ("x.masked_fill(y, -1.0)", "(64, 128, 128); T.rand(128, 128) > 0.5"),
    "tril": ("x.tril()", "(1000, 1000)"),
    "dropout": ("F.dropout(x, 0.1)", "(1000, 1000)"),
    "add bias": ("x + y", "(1000, 1000); (1000,)"),
    "pow 2": ("x.pow(2)", "(1000, 1000)"),
    "rsqrt": ("y.rsqrt()", "(1,); T.rand(1000, 1000) + 0.1"),
    "sum": ("x.sum()", "(1000, 1000)"),
    "sum 0": ("x.sum(0)", "(1000, 1000)"),
    "sum 1": ("x.sum(1)", "(1000, 1000)"),
    "mean -1": ("x.mean(-1)", "(64, 128, 128)"),
    "mean of images": ("x.mean((2, 3))", "(16, 64, 28, 28)"),
    "var": ("x.var(-1)", "(1000, 1000)"),
    "norm": ("x.norm()", "(1000, 1000)"),
    "max": ("x.max()", "(1000, 1000)"),
    "max 1": ("x.max(1)", "(1000, 1000)"),
    "max 0": ("x.max(0)", "(1000, 1000)"),
    "amax 1": ("x.amax(1)", "(1000, 1000)"),
    "argmax 1": ("x.argmax(1)", "(1000, 1000)"),
    "argmax of classes": ("x.argmax(1)", "(128, 10)"),
    "logsumexp": ("x.logsumexp(1)", "(1000, 1000)"),
    "cumsum": ("x.cumsum(-1)", "(1000, 1000)"),
    "cumsum 0": ("x.cumsum(0)", "(1000, 1000)"),
    "sort": ("x.sort(-1)", "(100, 1000)"),
    "topk": ("x.topk(5)", "(128, 1000)"),
    "softmax": ("x.softmax(-1)", "(64, 128, 128)"),
    "softmax'": ("x.softmax(-1)", "(64, 128, 128)"),
    "softmax of channels": ("x.softmax(1)", "(8, 21, 64, 64)"),
    "log_softmax": ("x.log_softmax(-1)", "(128, 1000)"),
    "log_softmax'": ("x.log_softmax(-1)", "(128, 1000)"),
    "cross_entropy'": ("F.cross_entropy(x, y)", "(128, 1000); T.randint(0, 1000, (128,))"),
    "mse_loss'": ("F.mse_loss(x, y)", "(128, 1000); (128, 1000)"),
    "layer_norm": ("F.layer_norm(x, (256,), y, z)", "(32, 128, 256); (256,); (256,)"),
    "layer_norm'": ("F.layer_norm(x, (256,), y, z)", "(32, 128, 256); (256,); (256,)"),
    "group_norm": ("F.group_norm(x, 8, y, z)", "(8, 64, 28, 28); (64,); (64,)"),
    "group_norm'": ("F.group_norm(x, 8, y, z)", "(8, 64, 28, 28); (64,); (64,)"),
    "batch_norm": ("F.batch_norm(x, None, None, y, z, True)", "(16, 64, 28, 28); (64,); (64,)"),
    "batch_norm'": ("F.batch_norm(x, None, None, y, z, True)", "(16, 64, 28, 28); (64,); (64,)"),
    "batch_norm eval": (
        "F.batch_norm(x, y, z, y, y)",
        "(16, 64, 28, 28); T.rand(64) + 0.5; (64,)",
    ),
    "conv2d 3x3": ("F.conv2d(x, y, z, padding=1)", "(8, 32, 28, 28); (64, 32, 3, 3); (64,)"),
    "conv2d 3x3'": ("F.conv2d(x, y, z, padding=1)", "(8, 32, 28, 28); (64, 32, 3, 3); (64,)"),
    "conv2d 1x1": ("F.conv2d(x, y)", "(8, 64, 28, 28); (128, 64, 1, 1)"),
    "conv2d 1x1'": ("F.conv2d(x, y)", "(8, 64, 28, 28); (128, 64, 1, 1)"),
    "conv2d of digits'": ("F.conv2d(x, y)", "(64, 1, 28, 28); (32, 1, 3, 3)"),
    "conv2d depthwise": ("F.conv2d(x, y, padding=1, groups=64)", "(8, 64, 28, 28); (64, 1, 3, 3)"),
    "conv2d depthwise'": ("F.conv2d(x, y, padding=1, groups=64)", "(8, 64, 28, 28); (64, 1, 3, 3)"),
    "conv1d'": ("F.conv1d(x, y, padding=1)", "(16, 64, 128); (64, 64, 3)"),
    "max_pool2d": ("F.max_pool2d(x, 2)", "(16, 64, 28, 28)"),
    "max_pool2d'": ("F.max_pool2d(x, 2)", "(16, 64, 28, 28)"),
    "avg_pool2d": ("F.avg_pool2d(x, 2)", "(16, 64, 28, 28)"),
    "avg_pool2d'": ("F.avg_pool2d(x, 2)", "(16, 64, 28, 28)"),
    "adaptive_avg_pool2d": ("F.adaptive_avg_pool2d(x, 1)", "(16, 64, 28, 28)"),
    "interpolate nearest": ("F.interpolate(x, scale_factor=2)", "(8, 32, 28, 28)"),
    "interpolate bilinear": (
        "F.interpolate(x, scale_factor=2, mode='bilinear')",
        "(8, 32, 28, 28)",
    ),
    "pad": ("F.pad(x, (1, 1, 1, 1))", "(16, 64, 28, 28)"),
    "linear": ("F.linear(x, y, z)", "(128, 256); (512, 256); (512,)"),
    "linear'": ("F.linear(x, y, z)", "(128, 256); (512, 256); (512,)"),
    "linear of sequences'": ("F.linear(x, y, z)", "(16, 64, 128); (512, 128); (512,)"),
    "matmul": ("x @ y", "(256, 256); (256, 256)"),
    "bmm": ("x @ y", "(64, 64, 32); (64, 32, 64)"),
    "bmm'": ("x @ y", "(64, 64, 32); (64, 32, 64)"),
    "einsum": ("T.einsum('bhid,bhjd->bhij', x, y)", "(8, 8, 64, 32); (8, 8, 64, 32)"),
    "attention": ("F.scaled_dot_product_attention(x, y, z)", "(8, 8, 64, 32); (8, 8, 64, 32); (8, 8, 64, 32)"),
    "attention'": ("F.scaled_dot_product_attention(x, y, z)", "(8, 8, 64, 32); (8, 8, 64, 32); (8, 8, 64, 32)"),
    "attention causal": (
        "F.scaled_dot_product_attention(x, y, z, is_causal=True)",
        "(8, 8, 64, 32); (8, 8, 64, 32); (8, 8, 64, 32)",
    ),
    "embedding": ("F.embedding(y, x)", "(10000, 128); T.randint(0, 10000, (64, 64))"),
    "embedding'": ("F.embedding(y, x)", "(10000, 128); T.randint(0, 10000, (64, 64))"),
    "index_select": ("x.index_select(0, y)", "(10000, 64); T.randint(0, 10000, (5000,))"),
    "gather": ("x.gather(1, y)", "(1000, 1000); T.randint(0, 1000, (1000, 100))"),
    "scatter_add": (
        "T.zeros(1000, 64).scatter_add(0, y, x)",
        "(5000, 64); T.randint(0, 1000, (5000, 1)).expand(5000, 64)",
    ),
    "index_add": ("T.zeros(1000, 64).index_add(0, y, x)", "(5000, 64); T.randint(0, 1000, (5000,))"),
    "indexing by a mask": ("x[y]", "(1000, 1000); T.rand(1000, 1000) > 0.5"),
    "indexing by numbers": ("x[y]", "(10000, 64); T.randint(0, 10000, (5000,))"),
    "one_hot": ("F.one_hot(y, 100)", "(1,); T.randint(0, 100, (1000,))"),
    "cat": ("T.cat((x, y), 1)", "(1000, 500); (1000, 500)"),
    "stack": ("T.stack((x, y))", "(1000, 500); (1000, 500)"),
    "transposed copy": ("x.t().contiguous()", "(1000, 1000)"),
    "permuted copy": ("x.permute(0, 2, 1, 3).contiguous()", "(16, 64, 8, 32)"),
    "lstm": ("net(x)[0]", "(32, 16, 64); net = T.nn.LSTM(64, 128)"),
    "lstm'": ("net(x)[0]", "(32, 16, 64); net = T.nn.LSTM(64, 128)"),
    "gru'": ("net(x)[0]", "(32, 16, 64); net = T.nn.GRU(64, 128)"),
    "transformer layer'": (
        "net(x)",
        "(8, 64, 128); net = T.nn.TransformerEncoderLayer(128, 8, 512, dropout=0.0, batch_first=True)",
    ),
    "to bfloat16": ("x.bfloat16()", "(1000, 1000)"),
    "bfloat16 add": ("x + y", "T.randn(1000, 1000).bfloat16(); T.randn(1000, 1000).bfloat16()"),
    "bfloat16 matmul": ("x @ y", "T.randn(256, 256).bfloat16(); T.randn(256, 256).bfloat16()"),
    "bfloat16 softmax": ("x.softmax(-1)", "T.randn(64, 128, 128).bfloat16()"),
    "bfloat16 layer_norm": ("F.layer_norm(x, (256,))", "T.randn(32, 128, 256).bfloat16()"),
}  # fmt: skip


def prepare(T: Any, name: str) -> Callable[[], Any]:
    """What is timed of a case, with its inputs made."""
    call, inputs = CASES[name]
    backward = name.endswith("'")
    scope: dict[str, Any] = {"T": T, "F": T.nn.functional}
    letters = iter("xyz")
    for text in map(str.strip, inputs.split(";")):
        if " = " in text:
            variable, text = text.split(" = ")
            value = eval(text, scope)
        else:
            variable, value = next(letters), eval(text, scope)
        if isinstance(value, tuple):
            value = T.randn(*value, requires_grad=backward)
        scope[variable] = value
    action: Callable[[], Any] = eval(f"lambda: {call}", scope)
    if not backward:

        def silent() -> Any:
            with T.no_grad():
                return action()

        return silent
    leaves = [v for v in scope.values() if isinstance(v, T.Tensor) and v.requires_grad]
    if "net" in scope:
        leaves += list(scope["net"].parameters())
    cotangent = T.randn_like(action())

    def trained() -> Any:
        action().backward(cotangent)
        for leaf in leaves:
            leaf.grad = None

    return trained


def measure(library: str, names: list[str], seconds: float) -> None:
    """Print JSON: the best seconds of every case, or its error."""
    from measure import best_time

    T = importlib.import_module(library)
    if hasattr(T, "set_num_threads"):
        T.set_num_threads(1)
    results: dict[str, Any] = {}
    for name in names:
        try:
            T.manual_seed(0)
            results[name] = best_time(prepare(T, name), seconds)
        except Exception as error:
            results[name] = f"{type(error).__name__}: {error}".splitlines()[0]
    print(json.dumps(results))


def compare(names: list[str], rounds: int, seconds: float) -> dict[str, dict[str, Any]]:
    """case -> side -> best seconds or error."""
    from run import CANDIDATE, REFERENCE, run_python

    best: dict[str, dict[str, Any]] = {name: {} for name in names}
    for number in range(rounds):
        sides = (CANDIDATE, REFERENCE) if number % 2 == 0 else (REFERENCE, CANDIDATE)
        for side in sides:
            found = json.loads(
                run_python(str(HERE / "kernels.py"), "--measure", side, "--seconds", str(seconds), *names)
            )
            for name, value in found.items():
                before = best[name].get(side)
                if isinstance(before, float) and isinstance(value, float):
                    value = min(before, value)
                best[name][side] = value
    return best


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("names", nargs="*", help="cases; default all")
    parser.add_argument("--only", default="", metavar="TEXT", help="only cases whose name has this in it")
    parser.add_argument("--rounds", type=int, default=2)
    parser.add_argument("--seconds", type=float, default=0.05, help="per case, round and side")
    parser.add_argument("--json", type=Path, metavar="FILE", help="also write the seconds to FILE")
    parser.add_argument("--measure", metavar="LIBRARY", help="time one side in this process, and print JSON")
    options = parser.parse_args()
    names = [name for name in options.names or CASES if options.only in name]
    if options.measure:
        measure(options.measure, names, options.seconds)
        return
    best = compare(names, options.rounds, options.seconds)
    ratios = []
    print(f"{'microseconds':<24} {'tinytorch':>10} {'torch':>10} {'ratio':>7}")
    for name, sides in best.items():
        own, other = sides.get("tinytorch"), sides.get("torch")
        if isinstance(own, float) and isinstance(other, float):
            ratios.append(own / other)
            print(f"{name:<24} {own * 1e6:>10.4g} {other * 1e6:>10.4g} {own / other:>7.2f}")
        else:
            print(f"{name:<24} not measured: {own if isinstance(own, str) else other}")
    if ratios:
        print(f"geometric mean of {len(ratios)}: {math.exp(sum(map(math.log, ratios)) / len(ratios)):.2f}")
    if options.json:
        options.json.write_text(json.dumps(best, indent=1) + "\n")


if __name__ == "__main__":
    main()
