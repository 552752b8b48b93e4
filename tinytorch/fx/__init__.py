"""torch.fx: programs as graphs of calls, to look at and to change.

`symbolic_trace` runs a module or function once with stand-ins for its inputs (`Proxy`), and writes down what it does with them (`Graph`,
`Node`). A `GraphModule` runs a graph by code made of it, an `Interpreter` node by node; a `Transformer` and `replace_pattern` write
graphs from graphs. Source: documentation of torch.fx; Reed et al., "torch.fx: Practical program capture and transformation for deep
learning in Python" (MLSys 2022).
"""

from . import passes
from ._symbolic_trace import PH, Tracer, symbolic_trace, wrap
from .graph import CodeGen, Graph
from .graph_module import GraphModule
from .interpreter import Interpreter, Transformer
from .node import Node, has_side_effect, map_arg
from .proxy import Proxy
from .subgraph_rewriter import replace_pattern

__all__ = [
    "PH",
    "CodeGen",
    "Graph",
    "GraphModule",
    "Interpreter",
    "Node",
    "Proxy",
    "Tracer",
    "Transformer",
    "has_side_effect",
    "map_arg",
    "passes",
    "replace_pattern",
    "symbolic_trace",
    "wrap",
]
