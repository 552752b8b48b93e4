"""Replacing parts of a graph by others. Behaviour: torch.fx.subgraph_rewriter."""

from __future__ import annotations

import copy
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from ..nn import Module
from ._symbolic_trace import symbolic_trace
from .graph import Graph
from .graph_module import GraphModule
from .node import Node

__all__ = ["Match", "ReplacedPatterns", "replace_pattern", "replace_pattern_with_filters"]


class Match(NamedTuple):
    """Where a pattern was found. anchor: the pattern's node that gives its result. nodes_map: the graph's node of each of the pattern's."""

    anchor: Node
    nodes_map: dict[Node, Node]


@dataclass
class ReplacedPatterns:
    """A match, and the nodes that stand there now."""

    anchor: Node
    nodes_map: dict[Node, Node]
    replacements: list[Node] = field(default_factory=list)


def _graph_of(given: Callable[..., Any] | Graph | GraphModule) -> Graph:
    if isinstance(given, GraphModule):
        return given.graph
    return given if isinstance(given, Graph) else symbolic_trace(given).graph


class _Matcher:
    """Looks for one pattern. Inputs of the pattern match anything; what else it has must agree, and be used inside the match only."""

    def __init__(self, pattern: Graph) -> None:
        output = pattern.output_node()
        self.results: list[Node] = output.all_input_nodes
        self.pattern = pattern

    def at(self, anchor: Node, anchors: list[Node]) -> dict[Node, Node] | None:
        found: dict[Node, Node] = {}
        if not self.agree(self.results[0], anchor, found):
            return None
        inside = {theirs for mine, theirs in found.items() if mine.op != "placeholder"}
        for mine, theirs in found.items():
            if mine.op == "placeholder" or mine in self.results:
                continue
            if any(user not in inside for user in theirs.users):
                return None
        return found

    def agree(self, mine: Node, theirs: Any, found: dict[Node, Node]) -> bool:
        if mine in found:
            return found[mine] is theirs
        if mine.op == "placeholder":
            found[mine] = theirs
            return True
        if not isinstance(theirs, Node) or mine.op != theirs.op:
            return False
        if mine.op != "get_attr" and mine.target != theirs.target:
            return False
        found[mine] = theirs
        if mine.op == "get_attr":
            return str(mine.target).rpartition(".")[2] == str(theirs.target).rpartition(".")[2]
        return self.same(mine.args, theirs.args, found) and self.same(
            dict(mine.kwargs), dict(theirs.kwargs), found
        )

    def same(self, mine: Any, theirs: Any, found: dict[Node, Node]) -> bool:
        if isinstance(mine, Node):
            return self.agree(mine, theirs, found)
        if isinstance(mine, (tuple, list)):
            return (
                isinstance(theirs, (tuple, list))
                and len(mine) == len(theirs)
                and all(self.same(a, b, found) for a, b in zip(mine, theirs, strict=True))
            )
        if isinstance(mine, dict):
            return (
                isinstance(theirs, dict)
                and mine.keys() == theirs.keys()
                and all(self.same(mine[key], theirs[key], found) for key in mine)
            )
        return type(mine) is type(theirs) and bool(mine == theirs)


def replace_pattern(
    gm: GraphModule, pattern: Callable[..., Any] | GraphModule, replacement: Callable[..., Any] | GraphModule
) -> list[Match]:
    """Put `replacement` wherever `pattern` occurs in the module's graph; the places, which do not overlap.

    Both are traced, unless they are graphs, and take the same inputs in the same order. Source: documentation of torch.fx.
    """
    return [
        Match(done.anchor, done.nodes_map) for done in replace_pattern_with_filters(gm, pattern, replacement)
    ]


def replace_pattern_with_filters(
    gm: GraphModule,
    pattern: Callable[..., Any] | Graph | GraphModule,
    replacement: Callable[..., Any] | Graph | GraphModule | None = None,
    match_filters: list[Callable[[Any, Graph, Graph], bool]] | None = None,
    ignore_literals: bool = False,
    replacement_callback: Callable[..., Graph] | None = None,
    node_name_match: str = "",
) -> list[ReplacedPatterns]:
    """The same, where every filter approves of a match; `replacement_callback` makes the replacement of a match."""
    if ignore_literals or node_name_match:
        raise NotImplementedError(
            "torch.fx.subgraph_rewriter: ignore_literals and node_name_match are not implemented"
        )
    graph, wanted = gm.graph, _graph_of(pattern)
    matcher = _Matcher(wanted)
    taken: set[Node] = set()
    matches: list[Match] = []
    for anchor in reversed(graph.nodes):
        if anchor.op in ("placeholder", "output"):
            continue
        found = matcher.at(anchor, matcher.results)
        if found is None:
            continue
        inside = {theirs for mine, theirs in found.items() if mine.op != "placeholder"}
        if inside & taken or not all(
            keep(Match(matcher.results[0], found), graph, wanted) for keep in match_filters or ()
        ):
            continue
        taken |= inside
        matches.append(Match(matcher.results[0], found))
    matches.reverse()
    inputs = [node for node in wanted.nodes if node.op == "placeholder"]
    changed: dict[Node, Any] = {}
    done: list[ReplacedPatterns] = []
    for match in matches:
        made = (
            _graph_of(replacement)
            if replacement_callback is None
            else replacement_callback(match, graph, wanted)
        )  # type: ignore[arg-type]
        made_inputs = [node for node in made.nodes if node.op == "placeholder"]
        if len(inputs) != len(made_inputs):
            raise AssertionError("pattern and replacement graphs need as many placeholders")
        values = {
            mine: changed.get(match.nodes_map[theirs], match.nodes_map[theirs])
            for mine, theirs in zip(made_inputs, inputs, strict=True)
            if theirs in match.nodes_map
        }
        before = set(graph.nodes)
        users = {user for mine in matcher.results for user in match.nodes_map[mine].users}
        here = next((node for node in graph.nodes if node in users), match.nodes_map[match.anchor])
        with graph.inserting_before(here):
            result = graph.graph_copy(made, values)
        fresh = [node for node in graph.nodes if node not in before]
        results = list(result) if isinstance(result, (tuple, list)) else [result]
        for mine, new in zip(matcher.results, results, strict=True):
            old = match.nodes_map[mine]
            old.replace_all_uses_with(new)
            changed[old] = new
        for mine in reversed(wanted.nodes):
            if mine.op not in ("placeholder", "output") and mine in match.nodes_map:
                graph.erase_node(match.nodes_map[mine])
        done.append(ReplacedPatterns(match.anchor, match.nodes_map, fresh))
    gm.recompile()
    if isinstance(replacement, Module):
        _take_over(gm, replacement)
    return done


def _take_over(gm: GraphModule, replacement: Module) -> None:
    """What the replacement's nodes name and the module lacks."""
    gm.delete_all_unused_submodules()
    for node in gm.graph.nodes:
        if node.op not in ("call_module", "get_attr"):
            continue
        owner: Any = gm
        for part in node.target.split("."):
            owner = getattr(owner, part, None)
        if owner is None:
            value: Any = replacement
            for part in node.target.split("."):
                value = getattr(value, part)
            if node.op == "call_module":
                gm.add_submodule(node.target, copy.deepcopy(value))
            else:
                setattr(gm, node.target, copy.deepcopy(value))
    gm.graph.lint()
