"""torch.func: function transformations. Source: torch's documentation of torch.func."""

from __future__ import annotations

from .._operators import _batching_products, _batching_rules, _forward_rules  # noqa: F401  (declare the rules)
from ._forward import hessian, jacfwd, jvp, linearize
from ._functional_call import functional_call, replace_all_batch_norm_modules_, stack_module_state
from ._reverse import debug_unwrap, functionalize, grad, grad_and_value, jacrev, vjp
from ._vmap import vmap

__all__ = ["debug_unwrap", "functional_call", "functionalize", "grad", "grad_and_value", "hessian", "jacfwd", "jacrev", "jvp", "linearize",
           "replace_all_batch_norm_modules_", "stack_module_state", "vjp", "vmap"]  # fmt: skip
