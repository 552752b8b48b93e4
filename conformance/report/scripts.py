"""A case as a short script that runs under either library: `import torch` and nothing else of the harness."""

from __future__ import annotations

import ast
import base64
import inspect
import math
import textwrap
from typing import Any

import numpy as np

from conformance.cases import Case
from conformance.cotangents import cotangent_of
from conformance.layouts import MIXED
from conformance.program import (
    CARRIERS,
    Device,
    GeneratorData,
    Moved,
    Named,
    SizeData,
    TensorData,
    contiguous_strides,
    readable,
)
from conformance.sources.sessions import session

INLINE = 300
LAMBDA_LINES = 12
# other numbers than the judge's, in the memory layout that the case draws
RAMP = "torch.arange(1.0, t.numel() + 1).to(t.dtype)"
COTANGENTS = {
    "plain": f"{RAMP}.reshape(t.shape)",
    "expanded": "torch.tensor(1.5, dtype=t.dtype).expand(t.shape)",
    "transposed": f"{RAMP}.reshape(t.shape[::-1]).permute(tuple(range(t.dim()))[::-1])",
}


def as_script(case: Case) -> str:
    """The source text: imports, inputs, the call, its gradients; of a session, its lines."""
    target = case.program.target
    if target.function is session:
        return session_text(case)
    tensors = case.program.tensors()
    names = {id(data): f"x{index}" for index, data in enumerate(tensors)}
    lines = [f"# {case.name}", "import torch", ""]
    if any(data.storage.size > INLINE for data in tensors):
        lines[1:1] = ["import base64", "import numpy as np"]
    lines += [f"{names[id(data)]} = {tensor_text(data)}" for data in tensors]
    lines += ["torch.manual_seed(0)"]
    arguments = [literal(value, names) for value in case.program.args]
    arguments += [f"{key}={literal(value, names)}" for key, value in case.program.kwargs.items()]
    if target.function is not None:
        call = "call"
        lines += ["", "", "def wrapper_set_seed(op, /, *args, **kwargs):", "    torch.manual_seed(42)"]
        lines += ["    return op(*args, **kwargs)", "", "", function_source(target.function)]
    else:
        call = target.path
    if target.form == "inplace":
        arguments[0] += ".clone()"
    lines += [f"out = {call}({', '.join(arguments)})", "print(out)"]
    leaves = [names[id(data)] for data in tensors if data.requires_grad]
    if leaves:
        lines += [
            "results = [t for t in (out if isinstance(out, (tuple, list)) else [out]) if t.requires_grad]",
            f"cotangents = [{COTANGENTS[cotangent_of(case.name, MIXED)]} for t in results]",
            f"print(torch.autograd.grad(results, [{', '.join(leaves)}], cotangents, allow_unused=True))",
        ]
    return "\n".join(lines)


def session_text(case: Case) -> str:
    """The lines of a session as a script that prints what a prompt would. It ends where a statement fails."""
    _, prologue, source = case.program.args
    lines = [f"# {case.name}", prologue, "torch.manual_seed(0)", "", ""]
    lines += ["def shown(value):", "    if value is not None:", "        print(repr(value))", "", ""]
    for node in ast.parse(source).body:
        text = ast.unparse(node)
        lines.append(f"shown({text})" if isinstance(node, ast.Expr) else text)
    return "\n".join(lines)


def function_source(function: Any) -> str:
    """An expression or definition for the function; for a lambda, the longest text that parses as one."""
    try:
        lines, number = inspect.findsource(function)
        text = textwrap.dedent(inspect.getsource(function))
    except OSError:
        return f"raise RuntimeError('no source for {function.__qualname__}')"
    if function.__name__ != "<lambda>":
        return text.rstrip() + f"\n\n\ncall = {function.__name__}"
    text = "".join(lines[number : number + LAMBDA_LINES])
    text = text[max(text.find("lambda"), 0) :]
    for end in range(len(text), 0, -1):
        try:
            parsed = ast.parse(f"({text[:end]})", mode="eval").body
        except (SyntaxError, ValueError):
            continue
        if isinstance(parsed, ast.Tuple):
            parsed = parsed.elts[0]
        if isinstance(parsed, ast.Lambda):
            return f"call = {ast.unparse(parsed)}"
    return f"raise RuntimeError('no source for {function.__qualname__}')"


def tensor_text(data: TensorData) -> str:
    """An expression for the tensor: its storage and, where it is not plain, the window."""
    carrier = str(data.storage.dtype)
    if data.storage.size > INLINE:
        packed = base64.b64encode(data.storage.tobytes()).decode()
        text = f"torch.from_numpy(np.frombuffer(base64.b64decode('{packed}'), np.{carrier}).copy())"
    else:
        values = readable(data.storage, data.dtype).tolist()
        text = f"torch.tensor({special(repr(values))}, dtype=torch.{data.dtype})"
    if data.dtype in CARRIERS and data.storage.size > INLINE:
        text += f".view(torch.{data.dtype})"
    plain = data.stride == contiguous_strides(data.shape) and data.offset == 0
    if plain and data.storage.size == int(np.prod(data.shape)):
        text += "" if len(data.shape) == 1 else f".reshape({data.shape})"
    else:
        text += f".as_strided({data.shape}, {data.stride}, {data.offset})"
    text += ".conj()" if data.conj else ""
    text += "._neg_view()" if data.negative else ""
    if data.parameter:
        return f"torch.nn.Parameter({text}, requires_grad={data.requires_grad})"
    return text + (".requires_grad_()" if data.requires_grad else "")


def special(text: str) -> str:
    """NaN and infinity as expressions."""
    return text.replace("nan", "float('nan')").replace("inf", "float('inf')")


def literal(value: Any, names: dict[int, str]) -> str:
    if isinstance(value, TensorData):
        return names[id(value)]
    if isinstance(value, Named):
        return value.path
    if isinstance(value, Device):
        return f"torch.device({value.text!r})"
    if isinstance(value, GeneratorData):
        return f"torch.Generator().manual_seed({value.seed})"
    if isinstance(value, SizeData):
        return f"torch.Size({value.shape})"
    if isinstance(value, Moved):
        return value.function.__qualname__
    if isinstance(value, tuple):
        inner = ", ".join(literal(item, names) for item in value)
        return f"({inner},)" if len(value) == 1 else f"({inner})"
    if isinstance(value, list):
        return f"[{', '.join(literal(item, names) for item in value)}]"
    if isinstance(value, dict):
        return "{" + ", ".join(f"{key!r}: {literal(item, names)}" for key, item in value.items()) + "}"
    if isinstance(value, float):
        return repr(value) if math.isfinite(value) else special(repr(value))
    if isinstance(value, type):
        return value.__name__
    return repr(value)
