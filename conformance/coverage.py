"""Which of PyTorch's public names an implementation has, counted and weighted by how often programs use them.

The weights are a data file: the share of each name in the uses counted over public projects.
"""

from __future__ import annotations

import csv
import json
import types
import warnings
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from conformance.engine import Library

TABLE = Path(__file__).parent / "data" / "public_name_use.csv"
TOP = (50, 100, 250, 500, 1000)
NAMESPACES = (
    "torch",
    "torch.Tensor",
    "torch.nn",
    "torch.nn.Module",
    "torch.nn.functional",
    "torch.nn.init",
    "torch.nn.utils",
    "torch.nn.utils.rnn",
    "torch.nn.utils.parametrize",
    "torch.optim",
    "torch.optim.lr_scheduler",
    "torch.optim.swa_utils",
    "torch.autograd",
    "torch.autograd.functional",
    "torch.autograd.forward_ad",
    "torch.func",
    "torch.linalg",
    "torch.fft",
    "torch.special",
    "torch.random",
    "torch.utils.data",
    "torch.utils.checkpoint",
    "torch.utils.hooks",
    "torch.distributions",
    "torch.signal.windows",
    "torch.amp",
    "torch.testing",
    "torch.library",
    "torch.overrides",
    "torch.masked",
    "torch.sparse",
    "torch.jit",
    "torch.cuda",
    "torch.distributed",
    "torch.multiprocessing",
    "torch.ops.aten",
)
# names that exist on objects and not on their class: how to make such an object
OBJECTS = {
    "torch.optim.Optimizer": "torch.optim.SGD([torch.nn.Parameter(torch.zeros(1))], lr=0.1)",
    "torch.optim.SGD": "torch.optim.SGD([torch.nn.Parameter(torch.zeros(1))], lr=0.1)",
    "torch.optim.Adam": "torch.optim.Adam([torch.nn.Parameter(torch.zeros(1))])",
    "torch.optim.AdamW": "torch.optim.AdamW([torch.nn.Parameter(torch.zeros(1))])",
    "torch.optim.RAdam": "torch.optim.RAdam([torch.nn.Parameter(torch.zeros(1))])",
    "torch.optim.RMSprop": "torch.optim.RMSprop([torch.nn.Parameter(torch.zeros(1))])",
    "torch.optim.lr_scheduler.LambdaLR": (
        "torch.optim.lr_scheduler.LambdaLR("
        "torch.optim.SGD([torch.nn.Parameter(torch.zeros(1))], lr=0.1), lambda epoch: 1.0)"
    ),
    "torch.nn.Module": "torch.nn.Module()",
    "torch.nn.ModuleList": "torch.nn.ModuleList()",
    "torch.nn.Linear": "torch.nn.Linear(1, 1)",
    "torch.nn.Embedding": "torch.nn.Embedding(1, 1)",
    "torch.nn.Conv1d": "torch.nn.Conv1d(1, 1, 1)",
    "torch.nn.Conv2d": "torch.nn.Conv2d(1, 1, 1)",
    "torch.nn.LazyConv2d": "torch.nn.LazyConv2d(1, 1)",
    "torch.nn.ConvTranspose2d": "torch.nn.ConvTranspose2d(1, 1, 1)",
    "torch.nn.LayerNorm": "torch.nn.LayerNorm(1)",
    "torch.nn.BatchNorm2d": "torch.nn.BatchNorm2d(1)",
    "torch.nn.SyncBatchNorm": "torch.nn.SyncBatchNorm(1)",
    "torch.nn.CrossEntropyLoss": "torch.nn.CrossEntropyLoss()",
    "torch.nn.DataParallel": "torch.nn.DataParallel(torch.nn.Linear(1, 1))",
    "torch.utils.data.DataLoader": "torch.utils.data.DataLoader([1, 2])",
    "torch.utils.hooks.RemovableHandle": "torch.utils.hooks.RemovableHandle({})",
    "torch.autograd.Variable": "torch.zeros(1)",
    "torch.autograd.Function.ctx": "function_context(torch)",
}


@dataclass(frozen=True)
class Name:
    """A row of the table."""

    name: str
    kind: str
    weight: float
    uses: int


@dataclass
class Coverage:
    """What is present, in the order of use."""

    implementation: str
    present: list[Name] = field(default_factory=list)
    absent: list[Name] = field(default_factory=list)
    order: dict[str, bool] = field(default_factory=dict)
    namespaces: dict[str, tuple[int, int, list[str]]] = field(default_factory=dict)


def read_table(path: Path = TABLE) -> list[Name]:
    """The names, most used first."""
    with path.open(newline="", encoding="utf-8") as file:
        rows = [
            Name(row["name"], row["kind"], float(row["weight"]), int(row["uses"]))
            for row in csv.DictReader(file)
        ]
    return sorted(rows, key=lambda row: (-row.weight, -row.uses, row.name))


def function_context(torch: Any) -> Any:
    """The object a custom autograd function gets as its first argument."""
    kept: list[Any] = []

    def forward(ctx: Any, value: Any) -> Any:
        kept.append(ctx)
        ctx.save_for_backward(value)
        return value * 1

    namespace = {"forward": staticmethod(forward), "backward": staticmethod(lambda ctx, grad: grad)}
    probe: Any = type("Probe", (torch.autograd.Function,), namespace)
    probe.apply(torch.zeros(1, requires_grad=True))
    return kept[0]


class Prober:
    """Answers whether a name exists, on its class or on an object of it."""

    def __init__(self, library: Library) -> None:
        self.library = library
        self.objects: dict[str, Any] = {}

    def has(self, name: str) -> bool:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return self.library.has(name) or self.on_object(name)

    def on_object(self, name: str) -> bool:
        owner, _, attribute = name.rpartition(".")
        if owner not in OBJECTS:
            return False
        if owner not in self.objects:
            scope = {"torch": self.library.module, "function_context": function_context}
            try:
                self.objects[owner] = eval(OBJECTS[owner], scope)
            except Exception:  # an object that cannot be made has no attributes
                self.objects[owner] = None
        made = self.objects[owner]
        return made is not None and hasattr(made, attribute)


def public_names(reference: Library, namespace: str) -> list[str]:
    """The names PyTorch shows in a namespace: its __all__ where it has one, else what it defines itself."""
    owner = reference.resolve(namespace)
    if namespace == "torch.ops.aten":
        return sorted(name for name in dir(owner) if not name.startswith("_"))
    listed = getattr(owner, "__all__", None)
    if listed is not None:
        return sorted(set(listed))
    names = []
    for name in dir(owner):
        if name.startswith("_") and not (isinstance(owner, type) and name.startswith("__")):
            continue
        value = getattr(owner, name, None)
        if isinstance(value, types.ModuleType) and not value.__name__.startswith("torch"):
            continue
        origin = getattr(value, "__module__", None) or "torch"
        if isinstance(owner, type) or str(origin).startswith("torch"):
            names.append(name)
    return names


def measure(candidate: Library, reference: Library | None = None) -> Coverage:
    """Probe every name of the table, and with a reference every public name of its namespaces."""
    prober = Prober(candidate)
    report = Coverage(candidate.name)
    for row in read_table():
        found = prober.has(row.name)
        report.order[row.name] = found
        (report.present if found else report.absent).append(row)
    if reference is not None:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            for namespace in NAMESPACES:
                names = public_names(reference, namespace)
                absent = [name for name in names if not prober.has(f"{namespace}.{name}")]
                report.namespaces[namespace] = (len(names) - len(absent), len(names), absent)
    return report


def print_coverage(report: Coverage, missing: int) -> None:
    rows = list(report.order.values())
    for top in TOP:
        if top <= len(rows):
            print(f"top {top:>4} names: {sum(rows[:top])} present")
    print(f"all {len(rows):>4} names: {sum(rows)} present")
    total = sum(row.weight for row in report.present + report.absent)
    print(f"weighted by use: {100.0 * sum(row.weight for row in report.present) / total:.2f} %")
    kinds = sorted({row.kind for row in report.present + report.absent})
    for kind in kinds:
        have = sum(row.kind == kind for row in report.present)
        lack = sum(row.kind == kind for row in report.absent)
        print(f"  {kind:<14}{have:>5} of {have + lack}")
    if report.absent and missing:
        print("most used absent names:")
        for row in report.absent[:missing]:
            print(f"  {row.name:<60}{row.weight:.4f}")
    for namespace, (have, count, absent) in report.namespaces.items():
        sample = f"  absent: {', '.join(absent[:8])}{' ...' if len(absent) > 8 else ''}" if absent else ""
        print(f"{namespace:<32}{have:>5} of {count:<5}{sample}")


def write_coverage(report: Coverage, path: Path) -> None:
    body = {
        "implementation": report.implementation,
        "present": [row.name for row in report.present],
        "absent": [row.name for row in report.absent],
        "namespaces": {
            name: {"present": have, "total": count, "absent": absent}
            for name, (have, count, absent) in report.namespaces.items()
        },
    }
    path.write_text(json.dumps(body, indent=1), encoding="utf-8")
