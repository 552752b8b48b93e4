"""Which operators may write in place where several elements of a tensor share memory (as `expand` makes them)."""

from __future__ import annotations

from .._core.declare import registry
from . import assembly, conversion, indexing

#: torch allows these: they write one value, or no value twice.
_ALLOWED = ("fill", "fill_diagonal", "index_fill", "index_put", "masked_fill", "tril", "triu", "zero")

for _name in _ALLOWED:
    for _operator in registry.get(_name, ()):
        _operator.options["overlaps"] = _operator.qualified != "fill.Tensor"

#: These are told apart from reading what they write: partly shared memory is refused.
for _operator in registry.get("copy", ()):
    _operator.options["separate"] = True

del assembly, conversion, indexing
