"""Reductions, matrices, functions of networks, random numbers, new tensors."""

from __future__ import annotations

from conformance.fuzz.statements import expression, line
from conformance.fuzz.world import FLOATS, World

REDUCED = (
    "sum mean prod amax amin max min argmax argmin any all std var logsumexp norm median nansum nanmean count_nonzero aminmax mode "
    "unique"
)
ALONG = "sum mean prod amax amin max min argmax argmin any all std var logsumexp nansum cumsum cumprod cummax cummin logcumsumexp median mode softmax log_softmax std_mean diff"
MANY = ("sum", "mean", "amax", "amin", "std", "var", "logsumexp", "any", "all", "nansum")


@expression(6)
def created(world: World) -> str:
    return world.literal()


@expression(4)
def made(world: World) -> str:
    shape, dtype = world.shape(), world.dtype()
    v = world.tensor() if world.tensors() else world.literal()
    forms = (
        f"torch.zeros({shape}, dtype={dtype})",
        f"torch.ones({shape}, dtype={dtype})",
        f"torch.full({shape}, {world.scalar()})",
        f"torch.eye({world.draw.integer(1, 4)}, dtype={dtype})",
        f"torch.arange({world.draw.integer(-2, 2)}, {world.draw.integer(2, 7)}, {world.draw.choice(('1', '2', '0.5'))})",
        f"torch.linspace({world.small()}, {world.small()}, {world.draw.integer(1, 5)})",
        f"{v}.new_full({shape}, {world.scalar()})",
        f"{v}.new_tensor([{world.small()}, {world.small()}])",
        f"torch.zeros_like({v})",
        f"torch.full_like({v}, {world.small()})",
        f"torch.ones_like({v}, dtype={dtype})",
        f"torch.nn.functional.one_hot({world.indices(3, 3)}, {world.draw.integer(3, 4)})",
        f"torch.tril_indices({world.draw.integer(1, 3)}, {world.draw.integer(1, 3)})",
    )
    return world.draw.choice(forms)


@expression(3)
def random(world: World) -> str:
    shape, v = world.shape(), world.tensor()
    return world.draw.choice(
        (
            f"torch.randn({shape})",
            f"torch.rand({shape}, dtype=torch.{world.draw.choice(FLOATS)}, requires_grad={world.flag()})",
            f"torch.randint(0, 7, {shape})",
            f"torch.randperm({world.draw.integer(1, 8)})",
            f"torch.rand_like({v})",
            f"torch.bernoulli(torch.full({shape}, 0.5))",
            f"torch.nn.functional.dropout({v}, 0.5)",
            f"torch.normal(0.0, 1.0, {shape})",
        )
    )


@expression(8)
def reduced(world: World) -> str:
    name, v = world.draw.choice(REDUCED.split()), world.tensor()
    if name == "unique":
        return f"torch.unique({v}, return_counts={world.flag()})"
    return f"torch.{name}({v})" if world.draw.chance(0.4) else f"{v}.{name}()"


@expression(10)
def reduced_along(world: World) -> str:
    name, v = world.draw.choice(ALONG.split()), world.tensor()
    d = world.dims(v) if name in MANY and world.draw.chance(0.3) else str(world.dim(v))
    if name in ("cumsum", "cumprod", "sum", "prod", "softmax", "log_softmax") and world.draw.chance(0.2):
        return f"{v}.{name}({d}, dtype={world.dtype()})"
    if name in ("std", "var", "std_mean"):
        return f"torch.{name}({v}, {d}, {world.draw.choice(('correction=0', 'unbiased=False', 'correction=1', 'keepdim=True'))})"
    if name == "diff":
        return f"torch.diff({v}, dim={d})"
    keep = (
        ""
        if name in ("cumsum", "cumprod", "cummax", "cummin", "logcumsumexp", "softmax", "log_softmax")
        else world.keepdim()
    )
    return (
        f"torch.{name}({v}, {d}{keep})"
        if world.draw.chance(0.5)
        else f"{v}.{name}(dim={d}{keep})"
        if name != "std_mean"
        else f"torch.std_mean({v}, {d})"
    )


@expression(3)
def ranked(world: World) -> str:
    v = world.tensor()
    d = world.dim(v)
    return world.draw.choice(
        (
            f"torch.kthvalue({v}, {world.draw.integer(1, max(1, world.size(v, d)))}, {d})",
            f"torch.quantile({v}, {world.draw.choice(('0.25', '0.5', '1.0'))}, dim={d})",
            f"torch.linalg.vector_norm({v}, {world.draw.choice(('1', '2', '0', '3', 'float(' + repr('inf') + ')'))}, {d})",
            f"torch.searchsorted(torch.tensor([-1.0, 0.0, 1.0]), {v})",
            f"torch.bincount({v} % 9)",
            f"torch.histc({v}, 4, -2, 2)",
            f"torch.bucketize({v}, torch.tensor([-1.0, 0.5, 2.0]), right={world.flag()})",
            f"torch.renorm({v}, 2, {d}, 1.5)",
            f"torch.dist({v}, {world.like(v)})",
            f"torch.equal({v}, {world.tensor()})",
            f"torch.allclose({v}, {world.like(v)})",
        )
    )


@expression(8)
def product(world: World) -> str:
    v = world.with_dims(1, 3)
    shape = tuple(world.value(v).shape)
    inner = shape[-1] if shape else 1
    w = world.tensor(
        lambda t: t.dim() >= 1 and (int(t.shape[-2]) if t.dim() > 1 else int(t.shape[0])) == inner
    )
    kind = world.draw.integer(0, 8)
    if kind <= 2:
        return f"torch.matmul({v}, {w})" if world.draw.chance(0.5) else f"{v} @ {w}"
    if kind == 3:
        name = world.draw.choice(("mm", "mv", "bmm", "dot", "inner", "outer", "kron", "vdot", "ger"))
        return f"torch.{name}({v}, {w})"
    if kind == 4:
        patterns = {
            1: ("i,i->", "i,j->ij", "i->"),
            2: ("ij,jk->ik", "ij,ij->i", "ij->ji", "ii->i", "ij,kj->ik"),
            3: ("bij,bjk->bik", "bij->bi", "bij,bij->"),
        }
        pattern = world.draw.choice(patterns.get(len(shape), ("ij,jk->ik",)))
        return f"torch.einsum('{pattern}', {v}{f', {w}' if ',' in pattern else ''})"
    if kind == 5:
        return f"torch.addmm({world.tensor()}, {v}, {w}, beta={world.small()}, alpha={world.small()})"
    if kind == 6:
        return f"torch.tensordot({v}, {w}, dims={world.draw.integer(0, 2)})"
    if kind == 7:
        return f"torch.cdist({v}, {world.same_shape(v)}, p={world.draw.choice(('1.0', '2.0', '0.5'))})"
    return f"torch.cross({v}, {world.like(v)}, dim={world.dim(v)})"


@expression(3)
def of_matrix(world: World) -> str:
    v = world.floating(2, 3)
    return world.draw.choice(
        (
            f"torch.linalg.det({v})",
            f"torch.linalg.matrix_norm({v}, {world.draw.choice((repr('fro'), '1', repr('nuc')))})",
            f"torch.linalg.svdvals({v})",
            f"torch.linalg.matrix_power({v}, {world.draw.integer(0, 3)})",
            f"torch.cov({v})",
            f"torch.corrcoef({v})",
            f"torch.vander({v})",
            f"torch.trapezoid({v})",
            f"torch.linalg.multi_dot([{v}, {v}.mT])",
            f"torch.fft.fft({v})",
            f"torch.fft.rfft({v}, dim={world.dim(v)})",
        )
    )


@expression(12)
def network(world: World) -> str:
    v = world.floating(1)
    shape = tuple(int(size) for size in world.value(v).shape)
    last = shape[-1] if shape else 1
    channels = shape[1] if len(shape) > 1 else 1
    dtype = f", dtype={v}.dtype"
    reduction = world.draw.choice(("", ", reduction='sum'", ", reduction='none'"))
    fn = "torch.nn.functional."
    d = world.dim(v)
    kernel = world.draw.integer(1, 2)
    w = world.same_shape(v)
    classes = world.indices(shape[0] if shape else 1, max(channels, 1))
    forms = (
        f"{fn}softmax({v}, {d})",
        f"{fn}log_softmax({v}, {d})",
        f"{fn}layer_norm({v}, ({last},))",
        f"{fn}normalize({v}, dim={d})",
        f"{fn}glu({v}, {d})",
        f"{fn}mse_loss({v}, {w}{reduction})",
        f"{fn}l1_loss({v}, {w}{reduction})",
        f"{fn}smooth_l1_loss({v}, {w}{reduction}, beta=0.5)",
        f"{fn}huber_loss({v}, {w}{reduction})",
        f"{fn}kl_div({v}, {w}{reduction})",
        f"{fn}binary_cross_entropy_with_logits({v}, {w}{reduction})",
        f"{fn}cross_entropy({v}, {classes}{reduction})",
        f"{fn}cross_entropy({v}, {classes}, label_smoothing=0.25, ignore_index=0)",
        f"{fn}nll_loss({v}, {classes}{reduction})",
        f"{fn}cosine_similarity({v}, {w}, dim={d})",
        f"{fn}pairwise_distance({v}, {w})",
        f"{fn}linear({v}, torch.full((2, {last}), 0.5{dtype}))",
        f"{fn}conv1d({v}, torch.full((2, {channels}, {kernel}), 0.25{dtype}), padding={world.draw.integer(0, 1)}, stride={world.draw.integer(1, 2)})",
        f"{fn}conv2d({v}, torch.full((2, {channels}, {kernel}, 1), 0.25{dtype}))",
        f"{fn}conv_transpose1d({v}, torch.full(({channels}, 2, {kernel}), 0.25{dtype}))",
        f"{fn}max_pool1d({v}, {kernel}, ceil_mode={world.flag()})",
        f"{fn}avg_pool1d({v}, {kernel}, padding={world.draw.integer(0, 1)})",
        f"{fn}max_pool2d({v}, {kernel}, return_indices={world.flag()})",
        f"{fn}avg_pool2d({v}, {kernel})",
        f"{fn}adaptive_avg_pool1d({v}, {world.draw.integer(1, 3)})",
        f"{fn}adaptive_max_pool2d({v}, ({world.draw.integer(1, 2)}, 1))",
        f"{fn}interpolate({v}, scale_factor={world.draw.choice(('2', '0.5', '1.5'))}, mode='{world.draw.choice(('nearest', 'linear', 'bilinear', 'nearest-exact'))}')",
        f"{fn}batch_norm({v}, None, None, training=True)",
        f"{fn}group_norm({v}, 1)",
        f"{fn}instance_norm({v})",
        f"{fn}embedding({world.indices(3, max(1, shape[0] if shape else 1))}, {v})",
        f"{fn}scaled_dot_product_attention({v}, {w}, {w}, is_causal={world.flag()})",
        f"{fn}unfold({v}, {kernel})",
        f"{fn}rms_norm({v}, ({last},))",
        f"{fn}prelu({v}, torch.full((1,), 0.25{dtype}))",
        f"{fn}pixel_shuffle({v}, 1)",
        f"{fn}multi_margin_loss({v}, {classes})",
        f"{fn}gumbel_softmax({v}, dim={d})",
        f"{fn}local_response_norm({v}, 2)",
    )
    return world.draw.choice(forms)


@line(3)
def module(world: World) -> str:
    v = world.floating(1)
    shape = tuple(int(size) for size in world.value(v).shape)
    last, channels = (shape[-1] if shape else 1), (shape[1] if len(shape) > 1 else 1)
    made = world.draw.choice(
        (
            f"torch.nn.Linear({last}, {world.draw.integer(1, 3)}, bias={world.flag()})",
            f"torch.nn.Sequential(torch.nn.Linear({last}, 2), torch.nn.ReLU(), torch.nn.Linear(2, 1))",
            f"torch.nn.LayerNorm({last})",
            f"torch.nn.BatchNorm1d({channels})",
            f"torch.nn.Embedding(5, {world.draw.integer(1, 3)}, padding_idx=0)",
            f"torch.nn.GRU({last}, 2, batch_first={world.flag()})",
            f"torch.nn.LSTM({last}, 2, bidirectional={world.flag()})",
            f"torch.nn.Conv1d({channels}, 2, 1)",
            f"torch.nn.PReLU({channels})",
            "torch.nn.Dropout(0.5)",
            f"torch.nn.MultiheadAttention({last}, 1)",
        )
    )
    return f"{world.fresh('m')} = {made}"


@expression(5)
def called(world: World) -> str:
    modules = world.of_letter("m")
    if not modules:
        return reduced(world)
    m, v = world.draw.choice(modules), world.tensor()
    if "MultiheadAttention" in type(world.value(m)).__name__:
        return f"{m}({v}, {v}, {v})"
    return f"{m}({v})"


@expression(2)
def inside_module(world: World) -> str:
    modules = world.of_letter("m")
    if not modules:
        return reduced(world)
    m = world.draw.choice(modules)
    return world.draw.choice(
        (
            f"next({m}.parameters(), None)",
            f"dict({m}.state_dict())",
            f"repr({m})",
            f"[name for name, _ in {m}.named_parameters()]",
            f"{m}.train({world.flag()}).training",
            f"copy.deepcopy({m}).state_dict()",
        )
    )


@line(3)
def training(world: World) -> str:
    modules, optimizers = world.of_letter("m"), world.of_letter("o")
    if not modules:
        return module(world)
    m = world.draw.choice(modules)
    kind = world.draw.integer(0, 3)
    if optimizers and kind > 0:
        o = world.draw.choice(optimizers)
        return (f"{o}.step()", f"{o}.zero_grad()", f"{o}.zero_grad(set_to_none=False)")[kind - 1]
    made = world.draw.choice(
        (
            "SGD({p}, lr=0.25, momentum=0.5)",
            "Adam({p}, lr=0.1)",
            "AdamW({p})",
            "RMSprop({p}, centered=True)",
            "Adagrad({p})",
            "SGD({p}, lr=0.5, nesterov=True)",
            "NAdam({p})",
        )
    )
    return f"{world.fresh('o')} = torch.optim.{made.format(p=m + '.parameters()')}"
