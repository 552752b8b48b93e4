"""The examples in the docstrings of the installed PyTorch, each docstring's as one session.

Nothing of them is kept: they are read from PyTorch when the harness runs. What a docstring says that comes out does
not count; what PyTorch makes of it does.
"""

from __future__ import annotations

import ast
import builtins
import inspect
import re
import textwrap
import warnings
from collections.abc import Iterator
from fnmatch import fnmatchcase
from functools import lru_cache
from typing import Any

from conformance.cases import Case
from conformance.engine import Library
from conformance.program import Program, Target
from conformance.sources.sessions import NOT_BUILT_IN, session

DTYPE = "docstring"
# modules and classes whose public names are asked; the first of several names of one text gives the case its name
NAMESPACES = (
    "torch.Tensor",
    "torch",
    "torch.nn.functional",
    "torch.nn",
    "torch.nn.init",
    "torch.nn.attention",
    "torch.nn.attention.bias",
    "torch.nn.attention.flex_attention",
    "torch.nn.modules.lazy",
    "torch.nn.utils",
    "torch.nn.utils.rnn",
    "torch.nn.utils.prune",
    "torch.nn.utils.parametrize",
    "torch.nn.utils.parametrizations",
    "torch.nn.utils.stateless",
    "torch.optim",
    "torch.optim.lr_scheduler",
    "torch.optim.swa_utils",
    "torch.autograd",
    "torch.autograd.function",
    "torch.autograd.functional",
    "torch.autograd.forward_ad",
    "torch.autograd.graph",
    "torch.autograd.grad_mode",
    "torch.autograd.anomaly_mode",
    "torch.autograd.profiler",
    "torch.func",
    "torch.futures",
    "torch.linalg",
    "torch.fft",
    "torch.special",
    "torch.signal.windows",
    "torch.random",
    "torch.distributions",
    "torch.distributions.constraint_registry",
    "torch.distributions.constraints",
    "torch.distributions.kl",
    "torch.distributions.transforms",
    "torch.utils",
    "torch.utils.checkpoint",
    "torch.utils.data",
    "torch.utils.data.datapipes.iter",
    "torch.utils.data.datapipes.map",
    "torch.utils.data.distributed",
    "torch.utils.dlpack",
    "torch.utils.hooks",
    "torch.amp",
    "torch.library",
    "torch.masked",
    "torch.overrides",
    "torch.quasirandom",
    "torch.serialization",
    "torch.sparse",
    "torch.storage",
    "torch.testing",
    "torch.types",
)
PROMPT = re.compile(r"^\s*(?:>>>|\.\.\.)(?: (.*)|\s*)$")
# what examples take for granted, in the order of need: a later one may use an earlier one
ASSUMED = {
    "nn": "from torch import nn",
    "F": "import torch.nn.functional as F",
    "optim": "from torch import optim",
    "fwAD": "import torch.autograd.forward_ad as fwAD",
    "dual_level": "from torch.autograd.forward_ad import dual_level",
    "np": "import numpy as np",
    "math": "import math",
    "os": "import os",
    "io": "import io",
    "copy": "import copy",
    "functools": "import functools",
    "numpy": "import numpy",
    "itertools": "import itertools",
    "namedtuple": "from collections import namedtuple",
    "List": "from typing import List",
    "Iterator": "from typing import Iterator",
    "tensor": "from torch import tensor",
    "linalg": "from torch import linalg",
    "prune": "from torch.nn.utils import prune",
    "sdpa_kernel": "from torch.nn.attention import sdpa_kernel",
    "Tensor": "from torch import Tensor",
    "Variable": "from torch.autograd import Variable",
    "train": "def train(*args): pass",
    "train_batch": "def train_batch(*args): pass",
    "validate": "def validate(*args): pass",
    "model": "model = torch.nn.Linear(3, 2)",
    "module": "module = torch.nn.Linear(3, 2)",
    "net": "net = torch.nn.Linear(3, 2)",
    "input": "input = torch.randn(4, 3)",
    "inputs": "inputs = torch.randn(4, 3)",
    "target": "target = torch.randn(4, 2)",
    "targets": "targets = torch.randn(4, 2)",
    "loss_fn": "loss_fn = torch.nn.MSELoss()",
    "criterion": "criterion = torch.nn.MSELoss()",
    "loss": "loss = loss_fn(model(input), target)",
    "optimizer": "optimizer = torch.optim.SGD(model.parameters(), lr=0.1)",
    "dataset": "dataset = torch.utils.data.TensorDataset(input, target)",
    "dataloader": "dataloader = torch.utils.data.DataLoader(dataset, batch_size=2)",
    "data_loader": "data_loader = torch.utils.data.DataLoader(dataset, batch_size=2)",
    "loader": "loader = torch.utils.data.DataLoader(dataset, batch_size=2)",
}
# where a capitalised name that an example takes for granted may come from
HOMES = (
    "torch.nn",
    "torch.nn.attention",
    "torch.optim",
    "torch.optim.lr_scheduler",
    "torch.distributions",
    "torch.utils.data",
)

# what compiles depends on the machine's compiler, and on what the process has compiled before
COMPILER = "torch.compile"


class Examples:
    """Every docstring with prompts under a library's public names: name -> its lines. Those that call a compiler are left out."""

    def __init__(self, library: Library) -> None:
        self.library = library
        # by public name, where it was found and the lines
        self.found: dict[str, tuple[str, str]] = {}
        known: set[str] = set()
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            for namespace in NAMESPACES:
                if not library.has(namespace):
                    continue
                for name, text in documented_under(library, namespace):
                    source = typed_lines(text)
                    if source and source not in known and COMPILER not in source:
                        known.add(source)
                        self.found.setdefault(name, (namespace, source))

    def select(self, patterns: str | None) -> list[str]:
        """Names by a comma list of globs over the whole name, or over it without `torch.`."""
        wanted = [part.strip() for part in (patterns or "*").split(",")]
        return [
            name
            for name in self.found
            if any(fnmatchcase(name, one) or fnmatchcase(name.removeprefix("torch."), one) for one in wanted)
        ]

    def case(self, name: str) -> Case:
        """The session of one docstring; KeyError where there is none."""
        namespace, source = self.found[name]
        arguments = (name, prologue(self.library, namespace, source), source)
        return Case(name, DTYPE, 0, Program(Target(DTYPE, session), arguments), kind=DTYPE)


@lru_cache(maxsize=1)
def examples(library: Library) -> Examples:
    """Those of PyTorch, found once."""
    return Examples(library)


def documented_under(library: Library, path: str) -> Iterator[tuple[str, str]]:
    """Names and docstrings of a module or class, of what it publishes, and of the methods of its classes."""
    owner = library.resolve(path)
    yield path, text_of(owner)
    listed = getattr(owner, "__all__", ())
    for name in sorted({*dir(owner), *listed}):
        value = getattr(owner, name, None)
        if name.startswith("_") or not (callable(value) or inspect.isdatadescriptor(value)):
            continue
        if name not in listed and not at_home(value, path):
            continue
        yield f"{path}.{name}", text_of(value)
        for method, member in vars(value).items() if isinstance(value, type) else ():
            if not method.startswith("_") and not isinstance(member, type):
                yield f"{path}.{name}.{method}", text_of(member)


def at_home(value: Any, path: str) -> bool:
    """Whether a name is published there, and not merely imported for use; what is written in C does not always say."""
    home = getattr(value, "__module__", None)
    if not isinstance(home, str) or path == "torch.Tensor":
        return True
    return f"{home}.".startswith((f"{path}.", "torch._"))


def text_of(value: Any) -> str:
    text = getattr(value, "__doc__", None)
    return text if isinstance(text, str) else ""


def typed_lines(docstring: str) -> str:
    """What a reader would type: the lines behind prompts, where they are Python, or an empty text.

    Lines follow each other until text without a prompt stands between them. Both ways of writing on are known: `...`,
    and a prompt before each line of a loop.
    """
    blocks: list[list[str]] = [[]]
    for line in docstring.splitlines():
        found = PROMPT.match(line)
        if found is None:
            blocks.append([])
        elif blocks[-1] or not line.lstrip().startswith("..."):
            # an ellipsis without a prompt before it is one that was printed
            blocks[-1].append((found[1] or "").rstrip())
    pieces = [piece for block in blocks if block for piece in parsable(block)]
    body = ast.parse("\n".join(pieces)).body
    return (
        "\n".join(pieces) if any(not isinstance(node, ast.Import | ast.ImportFrom) for node in body) else ""
    )


def parsable(lines: list[str]) -> list[str]:
    """The lines as one text, or the longest runs of them that are Python."""
    lines = textwrap.dedent("\n".join(lines)).split("\n")
    pieces: list[str] = []
    start = 0
    while start < len(lines):
        for end in range(len(lines), start, -1):
            text = textwrap.dedent("\n".join(lines[start:end]))
            if is_python(text):
                pieces.append(text)
                start = end
                break
        else:
            start += 1
    return pieces


def is_python(text: str) -> bool:
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            compile(text, DTYPE, "exec")
    except (SyntaxError, ValueError):
        return False
    return True


def prologue(library: Library, namespace: str, source: str) -> str:
    """Imports of the names that the lines use and do not make, and stand-ins for the usual ones."""
    free = free_names(source)
    lines = ["import torch"]
    for name in sorted(free - ASSUMED.keys()):
        homes = (namespace, *HOMES) if name[:1].isupper() else (namespace,)
        for home in homes:
            if home != "torch" and home != "torch.Tensor" and library.has(f"{home}.{name}"):
                lines.append(f"from {home} import {name}")
                break
    for name in reversed(ASSUMED):
        if name in free:
            free |= free_names(ASSUMED[name])
    lines += [line for name, line in ASSUMED.items() if name in free]
    return "\n".join(lines)


def free_names(source: str) -> set[str]:
    """Names that are read before the lines have given them a value."""
    bound = {"torch", *dir(builtins)} - NOT_BUILT_IN
    free: set[str] = set()
    for statement in ast.parse(source).body:
        given: set[str] = set()
        inner: set[str] = set()
        read: set[str] = set()
        for node in ast.walk(statement):
            if isinstance(node, ast.Name):
                (read if isinstance(node.ctx, ast.Load) else given).add(node.id)
            elif isinstance(node, ast.arg):
                inner.add(node.arg)
            elif isinstance(node, ast.comprehension):
                inner |= {part.id for part in ast.walk(node.target) if isinstance(part, ast.Name)}
            elif isinstance(node, ast.FunctionDef | ast.ClassDef):
                given.add(node.name)
            elif isinstance(node, ast.alias):
                given.add(node.asname or node.name.partition(".")[0])
        free |= read - inner - bound - (given if hasattr(statement, "body") else set())
        bound |= given
    return free
