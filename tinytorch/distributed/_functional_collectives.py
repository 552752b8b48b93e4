"""torch.distributed._functional_collectives: collectives that return new tensors, which libraries import."""

from __future__ import annotations

from typing import Any

from .._absent import absent

_NAMES = absent(
    "torch.distributed._functional_collectives",
    "functional collectives",
    classes="AsyncCollectiveTensor",
    functions="""all_gather_tensor all_gather_tensor_autograd all_reduce all_to_all_single all_to_all_single_autograd broadcast
        permute_tensor reduce_scatter_tensor reduce_scatter_tensor_autograd""",
)
globals().update(_NAMES)
__all__ = [*_NAMES, "wait_tensor"]


def wait_tensor(tensor: Any) -> Any:
    """`tensor`: nothing is pending."""
    return tensor
