"""The torch interface of safetensors, served by tinytorch: its files go both ways."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

pytest.importorskip("torch")
pytest.importorskip("safetensors")

PROGRAM = """
import sys
import torch
from safetensors import safe_open
from safetensors.torch import load, load_file, load_model, save, save_file, save_model

kinds = '''bool uint8 int8 int16 int32 int64 uint16 uint32 uint64 float16 bfloat16 float32 float64 complex64 float8_e4m3fn
    float8_e5m2'''.split()
tensors = {name: torch.arange(6.0).view(2, 3).to(getattr(torch, name)) for name in kinds}

def check(found):
    assert sorted(found) == sorted(kinds)
    for name, tensor in found.items():
        assert (tensor.dtype, tensor.shape) == (tensors[name].dtype, (2, 3)), name
        assert tensor.to(torch.complex128).tolist() == tensors[name].to(torch.complex128).tolist(), name

model = torch.nn.Sequential(torch.nn.Linear(2, 2), torch.nn.Linear(2, 2))
model[1].weight = model[0].weight
action, path = sys.argv[1:]
if action == "write":
    torch.nn.init.constant_(model[0].weight, 3.0)
    save_file(tensors, path, metadata={"made": "here"})
    save_model(model, path + ".model")
else:
    check(load_file(path))
    check(load(save(tensors)))
    with safe_open(path, "pt") as file:
        assert file.metadata() == {"made": "here"}
        assert file.get_slice("float32")[:, 1:].tolist() == [[1.0, 2.0], [4.0, 5.0]]
    assert load_model(model, path + ".model") == (set(), [])
    assert model[1].weight.tolist() == [[3.0, 3.0]] * 2
    try:
        save_file({"a": tensors["float32"].t()}, path + ".other")
    except ValueError as error:
        assert "non contiguous" in str(error)
    else:
        raise AssertionError("views are refused")
"""


@pytest.mark.parametrize(
    ("writer", "reader"), [("torch", "tinytorch"), ("tinytorch", "torch"), ("tinytorch", "tinytorch")]
)
def test_files_go_both_ways(tmp_path: Path, writer: str, reader: str) -> None:
    program = tmp_path / "program.py"
    program.write_text(PROGRAM)
    for library, action in ((writer, "write"), (reader, "check")):
        start = ["-m", "tinytorch"] if library == "tinytorch" else []
        command = [sys.executable, *start, str(program), action, str(tmp_path / "a.safetensors")]
        done = subprocess.run(command, capture_output=True, text=True, timeout=100)
        assert done.returncode == 0, done.stderr
