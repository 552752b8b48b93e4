"""torch.fx.passes: interpreters that write what they find into the nodes."""

from . import shape_prop

__all__ = ["shape_prop"]
