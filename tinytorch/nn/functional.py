"""torch.nn.functional: the functions that layers are made of.

What torch publishes straight from its operators (convolutions, linear, gelu, softplus ...) is looked up on first use; the
functions with Python signatures of their own live in `_functional`.
"""

from __future__ import annotations

from typing import Any

from ._functional.activation import *  # noqa: F403
from ._functional.attention import *  # noqa: F403
from ._functional.linear_cross_entropy import *  # noqa: F403
from ._functional.loss import *  # noqa: F403
from ._functional.normalization import *  # noqa: F403
from ._functional.pooling import *  # noqa: F403
from ._functional.products import *  # noqa: F403
from ._functional.published import ops as _ops
from ._functional.published import overridable as _overridable
from ._functional.vision import *  # noqa: F403

#: public name here -> operator
_OPERATORS = {
    **{
        name: name
        for name in [
            "conv1d",
            "conv2d",
            "conv3d",
            "conv_transpose1d",
            "conv_transpose2d",
            "conv_transpose3d",
            "conv_tbc",
            "linear",
            "bilinear",
            "avg_pool1d",
            "avg_pool2d",
            "avg_pool3d",
            "adaptive_avg_pool1d",
            "gelu",
            "softplus",
            "softshrink",
            "hardshrink",
            "prelu",
            "cosine_similarity",
            "pairwise_distance",
            "pdist",
            "one_hot",
            "pixel_shuffle",
            "pixel_unshuffle",
            "channel_shuffle",
            "native_channel_shuffle",
            "scaled_dot_product_attention",
        ]
    },
    "logsigmoid": "log_sigmoid",
}


#: What torch does not offer to `__torch_function__` itself: only what these call is.
_DIRECT = frozenset(
    (
        "grouped_mm",
        "scaled_grouped_mm",
        "scaled_mm",
        "sigmoid",
        "tanh",
        "upsample",
        "upsample_bilinear",
        "upsample_nearest",
    )
)

for _name, _value in list(globals().items()):
    if getattr(_value, "__module__", "").startswith(__name__.rpartition(".")[0] + "._functional"):
        if not callable(_value) or _name.startswith("_"):
            continue
        if _name in _DIRECT:
            _value.__module__ = __name__
        else:
            globals()[_name] = _overridable(_value)
_threshold = globals()["threshold"]


def __getattr__(name: str) -> Any:
    operator = _OPERATORS.get(name)
    if operator is None:
        raise AttributeError(f"module 'torch.nn.functional' has no attribute '{name}'")
    function = getattr(_ops, operator)
    globals()[name] = function
    return function


def __dir__() -> list[str]:
    return sorted({*globals(), *_OPERATORS})
