"""What `tinytorch` offers at its top level, and where it lives."""

from __future__ import annotations

import math
from typing import Any

from ._core import dtypes, layouts

#: Plain values: dtypes under all their names, layouts, memory formats, numbers.
CONSTANTS: dict[str, Any] = {
    **{("bool" if kind is dtypes.bool_ else name): kind for name, kind in dtypes.BY_NAME.items()},
    **layouts.CONSTANTS,
    "e": math.e,
    # as torch's builds answer
    "has_lapack": True,
    "has_mkl": True,
    "has_openmp": True,
    "has_spectral": True,
    "inf": math.inf,
    "nan": math.nan,
    "newaxis": None,
    "pi": math.pi,
}

#: Submodules that import on first use.
SUBMODULES = frozenset(
    [
        "__config__",
        "__future__",
        "accelerator",
        "autograd",
        "backends",
        "compiler",
        "cuda",
        "distributed",
        "distributions",
        "fft",
        "func",
        "functional",
        "futures",
        "hub",
        "jit",
        "linalg",
        "mps",
        "multiprocessing",
        "nn",
        "optim",
        "overrides",
        "profiler",
        "quasirandom",
        "random",
        "return_types",
        "signal",
        "sparse",
        "special",
        "storage",
        "testing",
        "types",
        "utils",
        "version",
        "xpu",
        "serialization",
        "torch_version",
        "_tensor_str",
        "_C",
        "_VF",
        "amp",
        "cpu",
        "library",
        "fx",
        "onnx",
        "export",
        "masked",
        "nested",
        "quantization",
        "ao",
        "mtia",
        "_dynamo",
    ]
)

_WHERE = {
    "._creation": "tensor as_tensor asarray from_numpy frombuffer from_dlpack to_dlpack",
    "._functions": """_assert is_tensor is_storage is_floating_point is_complex is_nonzero
        is_inference is_conj is_neg numel is_same_size result_type can_cast promote_types get_default_dtype set_default_dtype
        set_default_device get_default_device typename get_num_threads set_num_threads get_num_interop_threads
        set_num_interop_threads are_deterministic_algorithms_enabled use_deterministic_algorithms is_deterministic_algorithms_warn_only_enabled
        get_deterministic_debug_mode set_deterministic_debug_mode is_warn_always_enabled set_warn_always get_float32_matmul_precision
        set_float32_matmul_precision
        detach_ get_device is_signed
        is_vulkan_available set_flush_denormal is_anomaly_enabled is_anomaly_check_nan_enabled cudnn_is_acceptable
        _has_compatible_shallow_copy_type is_distributed get_device_module get_file_path detach""",
    ".amp._switches": """is_autocast_enabled is_autocast_cpu_enabled get_autocast_dtype set_autocast_enabled set_autocast_dtype
        get_autocast_cpu_dtype get_autocast_gpu_dtype is_autocast_cache_enabled set_autocast_cache_enabled clear_autocast_cache
        autocast_increment_nesting autocast_decrement_nesting""",
    ".random": "manual_seed seed initial_seed get_rng_state set_rng_state default_generator thread_safe_generator",
    ".autograd.grad_mode": "no_grad enable_grad set_grad_enabled inference_mode",
    ".autograd._functions": "is_grad_enabled is_inference_mode_enabled",
    "._core.print_options": "set_printoptions",
    "._tags": "Tag",
    "._core.storage": "UntypedStorage TypedStorage",
    "._legacy": """FloatTensor DoubleTensor HalfTensor BFloat16Tensor ByteTensor CharTensor ShortTensor IntTensor LongTensor BoolTensor
        FloatStorage DoubleStorage HalfStorage BFloat16Storage LongStorage IntStorage ShortStorage CharStorage ByteStorage BoolStorage
        ComplexFloatStorage ComplexDoubleStorage set_default_tensor_type""",
    ".serialization": "save load",
    "._compile": "compile",
    ".functional": "broadcast_shapes unravel_index",
    "._sparse": "sparse_coo_tensor",
    "._symbolic": "sym_int sym_float sym_max sym_min sym_not SymInt SymFloat SymBool",
    "._streams": "Stream Event",
    "._zip_files": "PyTorchFileReader PyTorchFileWriter",
    "._futures": "Future",
    "._C": "DisableTorchFunctionSubclass",
    ".cuda": "OutOfMemoryError",
    ".jit": "ScriptFunction ScriptModule",
    ".amp": "autocast GradScaler",
    ".func": "vmap",
    "._ops": "ops",
}
LAZY: dict[str, str] = {name: module for module, names in _WHERE.items() for name in names.split()}


def public_names() -> list[str]:
    """Every public name, those not yet looked up included."""
    from ._core.declare import registry
    from ._core.front import _NOT_FUNCTIONS

    operators = [
        name
        for name, overloads in registry.items()
        if name not in _NOT_FUNCTIONS and "module" not in overloads[0].options and overloads[0].has_function
    ]
    return [*(name for name in operators if not name.startswith("_")), *LAZY, *SUBMODULES]
