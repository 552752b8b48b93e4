"""``python -m tinytorch`` is ``python`` with another torch: most tests run one program both ways and compare everything."""

from __future__ import annotations

import multiprocessing
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).parents[2]


def run(*arguments: str, folder: Path, swap: bool, stdin: str | None = None) -> tuple[int, str, str]:
    command = [sys.executable, *(("-m", "tinytorch") if swap else ()), *arguments]
    environment = {**os.environ, "PYTHONPATH": str(REPOSITORY), "OMP_NUM_THREADS": "1"}
    done = subprocess.run(
        command, cwd=folder, env=environment, input=stdin or "", capture_output=True, text=True, timeout=100
    )
    return done.returncode, re.sub(r"0x[0-9a-f]+", "0x...", done.stdout), done.stderr


def served(source: str, *arguments: str, folder: Path) -> str:
    """What a program prints that `python -m tinytorch` runs from a file."""
    (folder / "program.py").write_text(source)
    status, out, error = run("program.py", *arguments, folder=folder, swap=True)
    assert status == 0, error
    return out


SCRIPT = """
import sys, os, pickle, __main__
class Point:
    pass
print(sys.argv, __name__, __file__, __spec__, __package__, type(__loader__).__name__, __doc__)
print(sys.path[0], sorted(n for n in globals() if n.startswith("__")), __main__.Point is Point)
print(type(pickle.loads(pickle.dumps(Point()))))
def fail(n):
    return 1 / n
what = sys.argv[1]
if what == "error":
    fail(0)
if what == "chained":
    try:
        fail(0)
    except ZeroDivisionError as error:
        raise RuntimeError("second") from error
if what == "exit":
    sys.exit(7)
if what == "exit text":
    sys.exit("goodbye")
if what == "interrupt":
    raise KeyboardInterrupt
if what == "hook":
    import traceback
    sys.excepthook = lambda kind, error, tb: print("hook", kind, [f.name for f in traceback.extract_tb(tb)])
    fail(0)
if what == "caught":
    import traceback
    try:
        fail(0)
    except ZeroDivisionError:
        traceback.print_exc()
if what == "atexit":
    import atexit
    atexit.register(print, "at exit")
    fail(0)
"""
ENDINGS = ["fine", "error", "chained", "exit", "exit text", "interrupt", "hook", "caught", "atexit"]


@pytest.mark.parametrize("ending", ENDINGS)
def test_script_behaves_as_with_python(tmp_path: Path, ending: str) -> None:
    (tmp_path / "inner").mkdir()
    (tmp_path / "inner" / "program.py").write_text(SCRIPT)
    arguments = ("inner/program.py", ending, "-x", "--flag=1")
    expected = run(*arguments, folder=tmp_path, swap=False)
    assert run(*arguments, folder=tmp_path, swap=True) == expected


@pytest.mark.parametrize("ending", ["fine", "error", "exit", "interrupt"])
def test_module_behaves_as_with_python(tmp_path: Path, ending: str) -> None:
    (tmp_path / "inner").mkdir()
    (tmp_path / "inner" / "__init__.py").write_text("")
    (tmp_path / "inner" / "program.py").write_text(SCRIPT)
    arguments = ("-m", "inner.program", ending, "-x")
    expected = run(*arguments, folder=tmp_path, swap=False)
    assert run(*arguments, folder=tmp_path, swap=True) == expected


@pytest.mark.parametrize(
    "arguments",
    [
        (
            "-c",
            "import sys; print(sys.argv, sys.path[0] == '', __name__, sorted(globals())); raise ValueError(3)",
            "a",
        ),
        ("-cimport sys; print(sys.argv)", "a", "-b"),
        ("-", "a"),
        (),
        ("missing.py",),
        ("broken.py",),
        ("folder", "a"),
        ("-m", "missing_module"),
        ("-m", "package"),
        ("-m", "folder", "a"),
        ("-m", "timeit", "-n", "1", "-r", "1", "raise ValueError"),
    ],
    ids=lambda arguments: " ".join(arguments)[:24] or "nothing",
)
def test_forms_behave_as_with_python(tmp_path: Path, arguments: tuple[str, ...]) -> None:
    (tmp_path / "broken.py").write_text("def f(:\n")
    for folder in ("folder", "package"):
        (tmp_path / folder).mkdir()
        (tmp_path / folder / "__init__.py").write_text("")
    (tmp_path / "folder" / "__main__.py").write_text(
        "import sys\nprint(sys.argv, sys.path[0], __name__, __package__, __spec__.name)\nraise ValueError(3)\n"
    )
    program = "import sys\nprint(sys.argv, sys.path[0], __name__)\nraise ValueError(3)\n"
    expected = run(*arguments, folder=tmp_path, swap=False, stdin=program)
    assert run(*arguments, folder=tmp_path, swap=True, stdin=program) == expected


def test_own_options(tmp_path: Path) -> None:
    status, out, _ = run("--help", folder=tmp_path, swap=True)
    assert status == 0 and out.startswith("usage: python -m tinytorch")
    status, out, _ = run("-V", folder=tmp_path, swap=True)
    assert status == 0 and out.startswith("tinytorch ")
    status, _, error = run("-Q", folder=tmp_path, swap=True)
    assert status == 2 and "Unknown option: -Q" in error
    status, _, error = run("-c", folder=tmp_path, swap=True)
    assert status == 2 and "Argument expected for the -c option" in error


def test_modules_are_shared_and_run_once(tmp_path: Path) -> None:
    out = served(
        "import sys\n"
        "import torch.backends.cudnn as cudnn\n"
        "import torch.version, torch\n"
        "from torch.backends import mps\n"
        "from torch import cuda\n"
        "import tinytorch.version\n"
        "for name in sorted(sys.modules):\n"
        "    if name == 'torch' or name.startswith('torch.'):\n"
        "        assert sys.modules[name] is sys.modules['tiny' + name], name\n"
        "assert torch.version is tinytorch.version and torch.backends.mps is mps and torch.cuda is cuda\n"
        "assert torch.version.__spec__.name == 'tinytorch.version' and torch.version.__package__ == 'tinytorch'\n"
        "print(torch.__name__, torch.version.__name__, cudnn.is_available(), torch.version.cuda)\n",
        folder=tmp_path,
    )
    assert out == "torch torch.version False None\n"


def test_missing_names_are_named_as_torchs(tmp_path: Path) -> None:
    out = served(
        "import torch\n"
        "for code in ('import torch.missing', 'import torch.version.missing', 'from torch.missing import x',\n"
        "             'from torch.version import missing', 'torch.version.missing'):\n"
        "    try:\n"
        "        exec(code)\n"
        "    except Exception as error:\n"
        "        print(type(error).__name__, str(error).partition(' (')[0])\n",
        folder=tmp_path,
    )
    assert out.splitlines() == [
        "ModuleNotFoundError No module named 'torch.missing'",
        "ModuleNotFoundError No module named 'torch.version.missing'; 'torch.version' is not a package",
        "ModuleNotFoundError No module named 'torch.missing'",
        "ImportError cannot import name 'missing' from 'torch.version'",
        "AttributeError module 'torch.version' has no attribute 'missing'",
    ]


@pytest.mark.parametrize(
    ("code", "lacks"),
    [
        ("import torch.missing", "torch.missing"),
        ("import torch.version; torch.version.missing", "torch.version.missing"),
        ("from torch.version import missing", "torch.version"),
    ],
)
def test_uncaught_error_says_who_lacks_it(tmp_path: Path, code: str, lacks: str) -> None:
    status, _, error = run("-c", code, folder=tmp_path, swap=True)
    last = error.splitlines()[-1]
    assert status == 1 and "tinytorch has no" in last and lacks in last
    assert "__main__.py" not in error and "_swap.py" not in error and "runpy" not in error


def test_probes_for_an_installed_torch(tmp_path: Path) -> None:
    out = served(
        "import importlib.util, importlib.metadata\n"
        "print(importlib.util.find_spec('torch') is not None, importlib.util.find_spec('torch.missing'))\n"
        "print(importlib.util.find_spec('torch.version').name)\n"
        "print(importlib.metadata.version('torch'), importlib.metadata.metadata('Torch')['Name'])\n"
        "print(sum(d.metadata['Name'] == 'torch' and d.version == '2.13.0+cpu'\n"
        "          for d in importlib.metadata.distributions()) >= 1)\n",
        folder=tmp_path,
    )
    assert out == "True None\ntorch.version\n2.13.0+cpu torch\nTrue\n"


def test_modules_that_were_never_imported_by_name_say_that_they_live_in_torch(tmp_path: Path) -> None:
    out = served(
        "import torch\n"
        "for module in torch.masked, torch.sparse, torch.nn.functional:\n"
        "    try:\n"
        "        module.missing\n"
        "    except AttributeError as error:\n"
        "        print(error, module.__name__)\n",
        folder=tmp_path,
    )
    names = ("torch.masked", "torch.sparse", "torch.nn.functional")
    assert out == "".join(f"module '{name}' has no attribute 'missing' {name}\n" for name in names)


def test_multiprocessing_children_are_served_too(tmp_path: Path) -> None:
    methods = multiprocessing.get_all_start_methods()
    source = (
        "import torch.version\n"
        "import multiprocessing, sys\n"
        "def work(x):\n"
        "    return x + 1, torch.version.__file__.split('/')[-2], torch.version is sys.modules['tinytorch.version']\n"
        "if __name__ == '__main__':\n"
        "    for method in multiprocessing.get_all_start_methods():\n"
        "        with multiprocessing.get_context(method).Pool(1) as pool:\n"
        "            print(method, pool.map(work, [1]))\n"
    )
    expected = "".join(f"{method} [(2, 'tinytorch', True)]\n" for method in methods)
    assert served(source, folder=tmp_path) == expected
    status, out, error = run("-m", "program", folder=tmp_path, swap=True)
    assert (status, out) == (0, expected), error


def test_pytest_runs_under_it(tmp_path: Path) -> None:
    (tmp_path / "test_small.py").write_text(
        "import torch\n\n\ndef test_it():\n    assert torch.version.cuda is None and 'tinytorch' in torch.__file__\n"
    )
    status, out, error = run("-m", "pytest", "-q", "-p", "no:cacheprovider", folder=tmp_path, swap=True)
    assert status == 0 and "1 passed" in out, out + error


def test_install_from_code(tmp_path: Path) -> None:
    status, out, error = run(
        "-c",
        "import sys\n"
        "from tinytorch._swap import install, installed, swapped, uninstall\n"
        "with swapped() as torch:\n"
        "    import torch.version as version, multiprocessing.util\n"
        "    with swapped():\n"
        "        pass\n"
        "    assert installed() and version.__name__ == 'torch.version' and torch.version is version\n"
        "    assert multiprocessing.util._args_from_interpreter_flags()[-2:] == ['-m', 'tinytorch']\n"
        "assert not installed() and 'torch' not in sys.modules and 'torch.version' not in sys.modules\n"
        "assert version.__name__ == 'tinytorch.version' and torch.__name__ == 'tinytorch'\n"
        "assert '-m' not in multiprocessing.util._args_from_interpreter_flags()\n"
        "install(); install()\n"
        "import torch\n"
        "assert torch.__name__ == 'torch' and 'tinytorch' in torch.__file__\n"
        "uninstall(); uninstall()\n"
        "assert sum(type(f).__module__ == 'tinytorch._swap' for f in sys.meta_path) == 0\n"
        "print('done')\n",
        folder=tmp_path,
        swap=False,
    )
    assert (status, out) == (0, "done\n"), error


def test_install_refuses_beside_another_torch(tmp_path: Path) -> None:
    (tmp_path / "torch.py").write_text("value = 1\n")
    status, out, error = run(
        "-c",
        "import torch\n"
        "from tinytorch._swap import install, installed\n"
        "try:\n"
        "    install()\n"
        "except RuntimeError as error:\n"
        "    print(error)\n"
        "assert torch.value == 1 and not installed()\n",
        folder=tmp_path,
        swap=False,
    )
    assert status == 0 and "another 'torch' is already imported" in out, error


def test_imports_inside_tinytorch_stay_there(tmp_path: Path) -> None:
    out = served(
        "import torch, sys\n"
        "import torch.backends.cudnn\n"
        "print([name for name in sys.modules if name.startswith('torch._') and not name.startswith('torch._C')])\n",
        folder=tmp_path,
    )
    assert out == "[]\n"


def test_classes_and_functions_say_that_they_live_in_torch(tmp_path: Path) -> None:
    source = """
import pickle
import tinytorch.optim.sgd
import torch
from torch import nn
print(type(nn.Linear(2, 2)), nn.LSTMCell.__module__, nn.functional.dropout.__module__, nn.functional.relu.__module__)
print(torch.optim.SGD, torch.optim.lr_scheduler.StepLR, torch.distributions.Normal, torch.utils.data.DataLoader)
print(pickle.dumps(nn.Conv2d, 0), pickle.loads(pickle.dumps(nn.Linear(2, 3))))
from tinytorch._swap import uninstall
uninstall()
print(nn.Linear, nn.Linear.forward.__qualname__, nn.functional.relu.__module__, tinytorch.optim.SGD)
"""
    expected = """\
<class 'torch.nn.modules.linear.Linear'> torch.nn.modules.rnn torch.nn.functional torch.nn.functional
<class 'torch.optim.sgd.SGD'> <class 'torch.optim.lr_scheduler.StepLR'> <class 'torch.distributions.normal.Normal'> \
<class 'torch.utils.data.dataloader.DataLoader'>
b'ctorch.nn.modules.conv\\nConv2d\\np0\\n.' Linear(in_features=2, out_features=3, bias=True)
<class 'tinytorch.nn.modules.linear.Linear'> Linear.forward tinytorch.nn.functional <class 'tinytorch.optim.sgd.SGD'>
"""
    assert served(source, folder=tmp_path) == expected
