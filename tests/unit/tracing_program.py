"""A program that prints what torch.fx makes of modules and functions. It runs under either library; the texts have to be the same."""

from __future__ import annotations

import copy
import math
import operator
import pickle

import torch
import torch.nn.functional as F
from torch import fx, nn
from torch.fx.passes.shape_prop import ShapeProp


@fx.wrap
def doubled(x):
    return x * 2


fx.wrap("len")


def attempt(title, function, **options):
    """The graph's code, or the error."""
    print(f"== {title}")
    try:
        traced = fx.symbolic_trace(function, **options)
    except Exception as error:
        print(type(error).__module__, type(error).__name__, error)
        return None
    print(traced.code)
    print(traced.graph)
    return traced


class Everything(nn.Module):
    def __init__(self):
        super().__init__()
        self.linear = nn.Linear(4, 5)
        self.weight = nn.Parameter(torch.ones(3, 4))
        self.inner = nn.Sequential(nn.Conv1d(1, 2, 1), nn.ReLU())
        self.register_buffer("offset", torch.ones(2))

    def forward(
        self, x: torch.Tensor, y: int | None = None, *rest, flag: bool = True, **more
    ) -> torch.Tensor:
        z = self.linear(x + self.weight).clamp(min=0.0, max=1.0)
        top = torch.topk(z, 3)[0]
        b = F.relu(top, inplace=True)
        c = self.inner[0](b.unsqueeze(1))
        d = F.linear(c, self.linear.weight[:3, :3]) + F.gelu(b).unsqueeze(0)
        rows = torch.cat([d, d], dim=-1).size(0)
        part, flipped, squares = d[:, 0, ..., None], -d, d @ d.transpose(1, 2)
        rest_of = 2 * d - d / 3 // 2 % 5
        first, turned = d.shape[0], d.T
        sums, zeros = torch.add(d, d, alpha=2), torch.zeros(2, 3)
        nested = {"a": d, "b": [d, (d, None)], "half": d.to(torch.float16), "rows": d[slice(None, 2)]}
        chance = F.dropout(F.softmax(d, dim=-1), p=0.5, training=self.training)
        mask = ~((abs(chance > 2) ** 2) & (chance == 2))
        return nested, part, flipped, squares, rest_of, first, turned, sums, zeros, mask, rows, self.offset


# as a program without the import above has them
Everything.forward.__annotations__.update(
    {"x": torch.Tensor, "y": int | None, "flag": bool, "return": torch.Tensor}
)


class Block(nn.Module):
    def __init__(self, inside, outside, stride):
        super().__init__()
        self.conv1 = nn.Conv2d(inside, outside, 3, stride, 1, bias=False)
        self.bn1 = nn.BatchNorm2d(outside)
        self.down = (
            None
            if stride == 1
            else nn.Sequential(nn.Conv2d(inside, outside, 1, stride), nn.BatchNorm2d(outside))
        )

    def forward(self, x):
        y = self.bn1(self.conv1(x))
        y += x if self.down is None else self.down(x)
        return F.relu(y)


class Residual(nn.Module):
    def __init__(self):
        super().__init__()
        self.stem, self.blocks = nn.Conv2d(3, 4, 1), nn.ModuleList([Block(4, 4, 1), Block(4, 8, 2)])
        self.fc = nn.Linear(8, 2)

    def forward(self, x, scale: float = 2.0) -> dict:
        x = F.max_pool2d(self.stem(x), 1)
        for block in self.blocks:
            x = block(x)
        x = torch.flatten(F.adaptive_avg_pool2d(x, 1), 1)
        a, b = x.chunk(2, dim=1)
        return {"logits": self.fc(torch.cat((a, b), 1)) * scale, "shape": x.size()}


class Shallow(fx.Tracer):
    def is_leaf_module(self, m, module_qualified_name):
        return isinstance(m, nn.BatchNorm2d)


print("== a module")
everything = fx.symbolic_trace(Everything())
print(everything)
print(everything.graph)
for node in everything.graph.nodes:
    print(node.op, node.name, node.args, node.kwargs, list(node.users), node.type)

print("== what cannot be traced")
attempt("a branch", lambda x: x if x.sum() > 0 else -x)
attempt("a loop", lambda x: [-i for i in x])
attempt("starred", lambda x: dict(**x))
attempt("a number", lambda x: float(x))
attempt("an index", lambda x: range(x))
attempt("assignment", lambda x: x.__setitem__(0, 1) or operator.setitem(x, 0, 1))
attempt("negation", lambda x: not x)
attempt("no function", 3)
attempt("rounding", lambda x: round(x))

print("== functions")
attempt("rest", lambda *a, **k: (a[0], k))
attempt("attributes", lambda x: x.foo.bar(1).baz)
attempt("default", lambda x, y=3: x + y)
attempt(
    "constants",
    lambda x: (
        float("inf"),
        float("nan"),
        torch.device("cpu"),
        torch.strided,
        torch.float32,
        slice(x, None),
        x,
    ),
)
attempt("wrapped", lambda x: doubled(x) + len(x) + math.sqrt(x))
attempt("reflected", lambda x: (2**x, 2 @ x, 3 ^ x, x << 1, +x, x != None, x is None))  # noqa: E711
attempt("unpacking", lambda x: [a + b for a, b in [x.split(2)]] if False else (lambda a: a)(x(1)))
attempt("operators", lambda x: torch.ops.aten.add.Tensor(torch.ops.aten.relu(x), 1))
attempt(
    "whatever",
    lambda x, y: F.interpolate(F.pad(F.one_hot(torch.einsum("ij,jk->ik", x, y), 3), (1, 1)), scale_factor=2),
)
attempt(
    "python's own",
    lambda x: torch.norm(torch.unique(torch.cdist(x, x))) + torch.split(x, 1)[0] + F.threshold(x, 1, 2),
)
attempt("indices", lambda x: F.max_pool1d(x, 2, return_indices=True))


def augmented(x, y):
    x += y
    x, y = x.split(2)
    x *= 2
    return x


attempt("augmented", augmented)


def specialized(x, y, z):
    return x + y * z if y is not None else z


three = attempt("an input that is a number", specialized, concrete_args={"y": 3})
print(three(1, 3, 2))
try:
    three(1, 4, 2)
except AssertionError as error:
    print(error)
attempt("an input that is None", specialized, concrete_args={"y": None})

print("== a network")
torch.manual_seed(0)
model = Residual()
network = fx.symbolic_trace(model)
print(network.code, network.graph, sep="\n")
print([(node.name, list(node.meta.get("nn_module_stack", {}))) for node in network.graph.nodes])
x = torch.randn(2, 3, 4, 4)
print(
    torch.equal(model.eval()(x)["logits"], network.eval()(x)["logits"]),
    network(x)["shape"],
    list(network.state_dict()),
)
network.train()
network(x)["logits"].sum().backward()
print([(name, parameter.grad.shape) for name, parameter in network.named_parameters()])
ShapeProp(network).propagate(x)
print([(node.name, node.meta["type"].__name__, node.meta.get("tensor_meta")) for node in network.graph.nodes])
print(Shallow().trace(model))
print(fx.Tracer(param_shapes_constant=True).trace(nn.Sequential(model.blocks[0])))

print("== changing graphs")
small = fx.symbolic_trace(lambda x: torch.relu(x) + 1.5)
relu = next(iter(small.graph.find_nodes(op="call_function", target=torch.relu)))
print(
    repr(relu),
    relu.format_node(),
    relu.all_input_nodes,
    relu.users,
    relu.next,
    relu.prev,
    relu.meta,
    relu.stack_trace,
)
try:
    small.graph.erase_node(relu)
except RuntimeError as error:
    print(error)
with small.graph.inserting_after(relu):
    sigmoid = small.graph.call_function(torch.sigmoid, (relu,))
relu.replace_all_uses_with(sigmoid)
sigmoid.args = (relu,)
small.recompile()
small.graph.lint()
print(small.code, small(torch.zeros(2)))
small.print_readable()
for twin in (copy.deepcopy(small), pickle.loads(pickle.dumps(small))):
    print(twin.code, twin(torch.zeros(2)))


class Negated(fx.Transformer):
    def call_function(self, target, args, kwargs):
        return super().call_function(torch.neg if target is torch.sigmoid else target, args, kwargs)


print(Negated(small).transform().code)
matched = fx.symbolic_trace(lambda x: (torch.relu(x) + 1.5) * (torch.relu(x * 2) + 1.5))
print(fx.replace_pattern(matched, lambda x: torch.relu(x) + 1.5, lambda x: torch.neg(x)))
print(matched.code)
dead = fx.symbolic_trace(lambda x: [torch.exp(x), torch.rand_like(x), x + 1][2])
print(dead.graph.eliminate_dead_code(), dead.graph)
for node in matched.graph.nodes:
    for change in (lambda node=node: node.kwargs.update(a=1), lambda node=node: node.args[0].append(1)):
        try:
            change()
        except (TypeError, AttributeError, IndexError) as error:
            print(type(error).__name__, str(error).splitlines()[0])

print("== by hand")
graph = fx.Graph()
inp = graph.placeholder("inp")
out = torch.relu(fx.Proxy(inp) + 1)
graph.output((out.node, {"a": inp}))
print(graph, len(graph.nodes), list(reversed(graph.nodes)), graph.python_code("self").src)
print(fx.GraphModule(nn.Module(), graph, "Named"))
for wrong in (
    lambda: graph.create_node("bad", "x"),
    lambda: graph.call_function("x"),
    lambda: fx.GraphModule(3, graph),
    lambda: fx.GraphModule({}, network.graph),
    lambda: fx.wrap(3),
    lambda: fx.wrap("inside"),
):
    try:
        wrong()
    except Exception as error:
        print(type(error).__name__, error)
other = fx.symbolic_trace(lambda x: torch.relu(x))
other.graph.call_function(torch.add, (inp, 1))
try:
    other.graph.lint()
except RuntimeError as error:
    print(error)


class Loud(fx.Interpreter):
    def run_node(self, n):
        result = super().run_node(n)
        print(n.op, n.name, type(result).__name__)
        return result


print(Loud(fx.symbolic_trace(lambda x, y=2: torch.relu(x) * y)).run(torch.ones(2)))
try:
    fx.Interpreter(fx.symbolic_trace(nn.Sequential(nn.Linear(2, 2)))).run(torch.zeros(3, 3))
except RuntimeError as error:
    print(error)
fused = fx.symbolic_trace(nn.Sequential(nn.Linear(2, 2), nn.ReLU(), nn.Sequential(nn.ReLU())))
for node in list(fused.graph.nodes):
    if node.op == "call_module" and isinstance(fused.get_submodule(node.target), nn.ReLU):
        with fused.graph.inserting_after(node):
            node.replace_all_uses_with(fused.graph.call_function(torch.sigmoid, node.args))
        fused.graph.erase_node(node)
fused.delete_all_unused_submodules()
fused.recompile()
print(fused)
