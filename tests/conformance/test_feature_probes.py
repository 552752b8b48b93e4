"""What programs ask before they choose a device or a compiler: tinytorch answers as torch without a GPU does."""

from __future__ import annotations

import importlib
from typing import Any

import pytest

torch = pytest.importorskip("torch")

QUESTIONS = """
version.__version__
version.cuda
version.hip
version.debug
torch_version.__version__ >= "2.4"
torch_version.__version__ >= (2, 4)
torch_version.__version__ < "2.13.1"
torch_version.__version__ == "2.13.0"
torch_version.__version__ > "not a version"
torch_version.__version__ > 3
cuda.is_available()
cuda.device_count()
cuda.is_initialized()
cuda.current_device()
cuda.get_device_name(0)
cuda.get_device_capability()
cuda.get_device_properties(0)
cuda.synchronize()
cuda.init()
cuda.empty_cache()
cuda.ipc_collect()
cuda.manual_seed(0)
cuda.manual_seed("x")
cuda.manual_seed_all(0)
cuda.seed()
cuda.initial_seed()
cuda.memory_allocated()
cuda.max_memory_allocated()
cuda.memory_stats()
cuda.memory_summary()
cuda.mem_get_info()
cuda.reset_peak_memory_stats()
cuda.get_rng_state()
cuda.get_rng_state_all()
cuda.set_rng_state_all([])
cuda.set_device(0)
cuda.set_device(-1)
cuda.set_device(None)
cuda.set_device(1.5)
cuda.device(0).__enter__()
cuda.device(-1).__enter__()
cuda.device(None).__enter__()
cuda.Stream()
cuda.Event()
cuda.CUDAGraph()
cuda.stream(None).__enter__()
cuda.current_stream()
cuda.is_bf16_supported()
cuda.get_arch_list()
cuda.FloatTensor(2)
cuda.FloatTensor
cuda.OutOfMemoryError.__mro__
cuda.default_generators
backends.cudnn.is_available()
backends.quantized.engine
backends.quantized.supported_engines
setattr(backends.quantized, "engine", "foo")
backends.nnpack.is_available()
backends.opt_einsum.is_available()
backends.mha.get_fastpath_enabled()
backends.cpu.get_cpu_capability()
backends.cudnn.version()
backends.cudnn.enabled
backends.cudnn.benchmark
backends.cudnn.benchmark_limit
backends.cudnn.deterministic
backends.cudnn.allow_tf32
backends.cudnn.missing
setattr(backends.cudnn, "benchmark", 3)
setattr(backends.cudnn, "deterministic", None)
setattr(backends.cudnn, "enabled", "x")
backends.cudnn.set_flags(False)
backends.cudnn.set_flags(True)
backends.cuda.is_built()
backends.cuda.matmul.allow_tf32
backends.cuda.matmul.fp32_precision
backends.cuda.matmul.allow_fp16_reduced_precision_reduction
backends.cuda.matmul.missing
setattr(backends.cuda.matmul, "missing", 1)
setattr(backends.cuda.matmul, "allow_tf32", 1)
backends.cuda.flash_sdp_enabled()
backends.cuda.enable_flash_sdp(1)
backends.mps.is_available()
backends.mps.is_built()
backends.mps.is_macos_or_newer(13, 0)
backends.mps.get_name()
backends.mkldnn.enabled
backends.mkldnn.deterministic
mps.is_available()
mps.device_count()
mps.synchronize()
mps.empty_cache()
mps.manual_seed(0)
mps.seed()
mps.current_allocated_memory()
xpu.is_available()
xpu.device_count()
xpu.synchronize()
xpu.empty_cache()
xpu.manual_seed(0)
xpu.current_device()
xpu.get_device_name()
xpu.Stream()
accelerator.is_available()
accelerator.current_accelerator()
accelerator.device_count()
accelerator.current_device_index()
accelerator.current_device_idx()
accelerator.synchronize()
accelerator.set_device_index(0)
accelerator.device_index(0).__enter__()
accelerator.device_index(None).__enter__()
compiler.is_compiling()
compiler.list_backends()
distributed.is_available()
distributed.is_initialized()
distributed.is_nccl_available()
distributed.get_rank()
distributed.get_rank(-100)
distributed.get_world_size()
distributed.get_backend()
distributed.get_backend(3)
distributed.barrier()
distributed.destroy_process_group()
distributed.new_group([0])
distributed.get_node_local_rank()
distributed.get_node_local_rank(2)
distributed.ReduceOp.SUM
distributed.ReduceOp.SUM.name
distributed.Backend("GLOO")
distributed.Backend(3)
distributed.DistBackendError.__mro__
distributed.group.WORLD
jit.is_scripting()
jit.is_tracing()
jit.annotate(int, 3)
jit.isinstance([1], list[int])
jit.isinstance([1.0], list[int])
jit.isinstance({"a": 1}, dict[str, int])
jit.isinstance((1, "a"), tuple[int, str])
jit.isinstance(3, list)
jit.isinstance(3, "int")
jit.ignore(drop="x")
jit.interface(3)
jit.script(3)
""".strip().splitlines()


def answer(package: str, question: str) -> str:
    module = importlib.import_module(f"{package}.{question.replace('setattr(', '').partition('.')[0]}")
    names: dict[str, Any] = {question.replace("setattr(", "").partition(".")[0]: module}
    if "backends" in question:
        importlib.import_module(f"{package}.backends")
    try:
        return repr(eval(question, names))
    except Exception as error:
        return f"{type(error).__name__}: {error}".replace("tinytorch.", "torch.")


@pytest.mark.parametrize("question", QUESTIONS)
@pytest.mark.filterwarnings("ignore")
def test_answers_as_torch(question: str, monkeypatch: pytest.MonkeyPatch) -> None:
    # torch's own test tools, if another test imported them, forbid to set flags; programs may.
    switches = torch.backends.flags_frozen.__globals__
    monkeypatch.setitem(switches, "__allow_nonbracketed_mutation_flag", True)
    assert answer("tinytorch", question) == answer("torch", question)


def test_flags_are_kept() -> None:
    from tinytorch.backends import cuda, cudnn

    with cudnn.flags(enabled=True, benchmark=False, deterministic=False):
        cudnn.benchmark = True
        assert cudnn.benchmark is True
        with cudnn.flags(enabled=False, deterministic=True):
            assert (cudnn.enabled, cudnn.deterministic) == (False, True)
        assert (cudnn.enabled, cudnn.deterministic, cudnn.benchmark) == (True, False, True)
    cuda.matmul.allow_tf32 = True
    assert cuda._get_float32_matmul_precision() == "high" and cuda.matmul.fp32_precision == "tf32"
    cuda.matmul.allow_tf32 = False
    assert cuda._get_float32_matmul_precision() == "highest"


@pytest.mark.parametrize("package", ["tinytorch", "torch"])
@pytest.mark.filterwarnings("ignore")
def test_hints_leave_functions_alone(package: str) -> None:
    compiler = importlib.import_module(f"{package}.compiler")
    jit = importlib.import_module(f"{package}.jit")

    def double(x: float) -> float:
        return 2 * x

    for decorate in (
        compiler.disable,
        compiler.disable(),
        compiler.disable(recursive=False),
        compiler.allow_in_graph,
        jit.ignore,
        jit.ignore(drop=False),
        jit.unused,
        jit.export,
        jit.script_if_tracing,
    ):
        decorated = decorate(double)
        assert decorated(4) == 8 and decorated.__name__ == "double"


@pytest.mark.parametrize(
    ("arguments", "named"),
    [
        ((3,), {}),
        ((len,), {"mode": "x"}),
        ((len,), {"backend": "missing"}),
        ((len,), {"mode": "default", "options": {}}),
        ((len,), {"missing": 1}),
    ],
)
def test_compile_refuses_as_torch(arguments: tuple[Any, ...], named: dict[str, Any]) -> None:
    from tinytorch._compile import compile

    texts = []
    for function in (torch.compile, compile):
        with pytest.raises((AssertionError, RuntimeError, TypeError)) as caught:
            function(*arguments, **named)
        texts.append((caught.type.__name__, str(caught.value)))
    assert texts[0] == texts[1]
