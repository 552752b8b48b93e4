"""Writes or checks checkpoints; run by either library, so that files go from one to the other between processes.

`python checkpoint_programs.py write|check folder`
"""

from __future__ import annotations

import sys
from collections import Counter, OrderedDict, namedtuple
from typing import Any

import torch

Pair = namedtuple("Pair", "first second")
DTYPES = [
    "bool",
    "uint8",
    "int8",
    "int16",
    "int32",
    "int64",
    "uint16",
    "uint32",
    "uint64",
    "float16",
    "bfloat16",
    "float32",
    "float64",
    "complex64",
    "complex128",
    "float8_e5m2",
    "float8_e4m3fn",
    "float8_e5m2fnuz",
    "float8_e4m3fnuz",
]


def model_and_optimizer() -> tuple[Any, Any]:
    model = torch.nn.Sequential(torch.nn.Linear(3, 4), torch.nn.BatchNorm1d(4), torch.nn.Linear(4, 2))
    optimizer = torch.optim.AdamW(model.parameters(), lr=0.01, amsgrad=True)
    for parameter in model.parameters():
        parameter.data = (torch.arange(float(parameter.numel())) / 8).view_as(parameter)
        parameter.grad = torch.ones_like(parameter)
    for _ in range(2):
        optimizer.step()
    return model, optimizer


def content(old: bool) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for name in DTYPES:
        if old and name.startswith(("float8", "uint")) and name != "uint8":
            continue  # torch cannot read these from old files
        dtype = getattr(torch, name)
        base = torch.arange(24.0).view(4, 6).to(dtype)
        found[name] = [base, base.t(), base[1:3, ::2], base[2, 3], base[:0], base[1:2].expand(3, 6)]
    shared = torch.arange(10.0)
    model, optimizer = model_and_optimizer()
    found["shared"] = {"all": shared, "part": shared[3:7], "parameter": torch.nn.Parameter(shared.view(2, 5))}
    found["plain"] = [
        1,
        2**70,
        -(2**40),
        1.5,
        float("inf"),
        "tëxt",
        b"bytes",
        bytearray(b"more"),
        None,
        True,
        1 + 2j,
        (1, (2,)),
        {1, 2},
    ]
    found["containers"] = [OrderedDict(a=1), Counter("abca"), {"x": [{"y": ()}]}, Pair(1, torch.ones(2))]
    found["torch"] = [torch.Size([2, 3]), torch.device("cpu"), torch.float16, torch.strided]
    found["model"] = model.state_dict()
    found["optimizer"] = optimizer.state_dict()
    grad = torch.ones(3, requires_grad=True)
    grad.note = "kept"
    found["grad"] = [
        grad,
        torch.nn.Parameter(torch.zeros(2), requires_grad=False),
        torch.empty(2, 3, device="meta"),
    ]
    return found


MODULES = {
    "sequential": lambda n: n.Sequential(
        n.Linear(4, 4), n.ReLU(), n.BatchNorm1d(4), n.Dropout(0.5), n.LayerNorm(4), n.GELU()
    ),
    "convolutions": lambda n: n.Sequential(n.Conv2d(4, 3, 1), n.MaxPool2d(1), n.ConvTranspose2d(3, 4, 1)),
    "recurrent": lambda n: n.LSTM(4, 3, 2, bidirectional=True),
    "transformer": lambda n: n.TransformerEncoder(n.TransformerEncoderLayer(4, 2, 8), 2),
    "containers": lambda n: n.ModuleDict(
        {"a": n.ParameterList([torch.ones(2)]), "b": n.ParameterDict({"c": torch.ones(3)})}
    ),
    "loss": lambda n: n.CrossEntropyLoss(weight=torch.ones(3), label_smoothing=0.1),
}
INPUTS = {
    "sequential": (3, 4),
    "convolutions": (1, 4, 2, 2),
    "recurrent": (5, 2, 4),
    "transformer": (5, 2, 4),
}


def whole(name: str) -> Any:
    torch.manual_seed(0)
    return MODULES[name](torch.nn)


def check_modules(path: str) -> None:
    found = torch.load(path, weights_only=False)
    for name, module in found.items():
        expected = whole(name)
        assert repr(module) == repr(expected), name
        assert shown(module.state_dict()) == shown(expected.state_dict()), name
        if name in INPUTS:
            x = torch.ones(INPUTS[name])
            got, wanted = (m.eval()(x) for m in (module, expected))
            got, wanted = (r[0] if isinstance(r, tuple) else r for r in (got, wanted))
            assert torch.equal(got, wanted), name


def shown(value: Any) -> Any:
    if isinstance(value, torch.Tensor):
        numbers = None if value.is_meta else value.detach()
        if numbers is not None:
            numbers = (
                numbers.tolist()
                if value.is_complex()
                else (numbers.to(torch.float64) * 2**20).round().tolist()
            )
        kept = (
            type(value).__name__,
            str(value.dtype),
            tuple(value.shape),
            value.stride(),
            value.storage_offset(),
        )
        return (*kept, value.requires_grad, value.__dict__, numbers)
    if isinstance(value, dict):
        return (
            type(value).__name__,
            [(key, shown(item)) for key, item in value.items()],
            getattr(value, "_metadata", None),
        )
    if isinstance(value, list | tuple) and not isinstance(value, torch.Size):
        return type(value).__name__, [shown(item) for item in value]
    return repr(value)


def check(path: str, old: bool, **options: Any) -> None:
    with torch.serialization.safe_globals([Pair]):
        found = torch.load(path, **options)
    expected = content(old)
    assert list(found) == list(expected)
    for name, value in expected.items():
        assert shown(found[name]) == shown(value), (name, shown(found[name]), shown(value))
    found["shared"]["all"][4] = 100
    assert found["shared"]["part"][1] == 100
    assert found["shared"]["parameter"][0, 4] == 100
    model, optimizer = model_and_optimizer()
    model.load_state_dict(found["model"])
    optimizer.load_state_dict(found["optimizer"])


def main(action: str, folder: str) -> None:
    path, old, modules = (f"{folder}/{name}.pt" for name in ("state", "old", "modules"))
    if action == "write":
        torch.save(content(False), path)
        torch.save(content(True), old, _use_new_zipfile_serialization=False)
        torch.save({name: whole(name) for name in MODULES}, modules)
        return
    check(path, False)
    check(path, False, map_location=torch.device("cpu"))
    check(path, False, mmap=True)
    check(old, True)
    check_modules(modules)


if __name__ == "__main__":
    main(*sys.argv[1:])
