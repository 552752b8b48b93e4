"""Operators of elements, with broadcasting, promotion and the forms that write into a tensor."""

from __future__ import annotations

from conformance.fuzz.statements import expression, line
from conformance.fuzz.world import World

UNARY = (
    "abs acos acosh angle asin asinh atan atanh ceil conj conj_physical cos cosh deg2rad digamma erf erfc erfinv exp exp2 expm1 floor "
    "frac isfinite isinf isnan isneginf isposinf isreal lgamma log log10 log1p log2 logical_not logit nan_to_num neg positive rad2deg "
    "reciprocal round rsqrt sgn sigmoid sign signbit sin sinc sinh sqrt square tan tanh trunc bitwise_not i0"
)
METHODS = "real imag double float half bfloat16 int long bool byte resolve_conj adjoint relu detach clone contiguous cpu"
BINARY = (
    "add sub mul div true_divide floor_divide remainder fmod pow atan2 hypot copysign maximum minimum fmax fmin logaddexp logaddexp2 eq "
    "ne lt le gt ge logical_and logical_or logical_xor bitwise_and bitwise_or bitwise_xor bitwise_left_shift bitwise_right_shift "
    "nextafter xlogy heaviside gcd lcm ldexp float_power isclose"
)
SYMBOLS = ("+", "-", "*", "/", "//", "%", "**", "==", "!=", "<", "<=", ">", ">=", "&", "|", "^", "<<", ">>")
ACTIVATIONS = (
    "relu gelu silu elu selu celu leaky_relu softplus softsign tanhshrink hardtanh hardswish hardsigmoid mish logsigmoid relu6 "
    "softshrink hardshrink"
)
WRITTEN = (
    "abs ceil clamp_min cos erf exp floor frac log neg reciprocal round rsqrt sigmoid sign sin sqrt square tanh trunc zero relu "
    "logical_not nan_to_num"
)
WRITTEN_BINARY = "add sub mul div pow remainder copysign fmod atan2 eq lt logical_and bitwise_and bitwise_or hypot lerp_ xlogy"


@expression(10)
def unary(world: World) -> str:
    name = world.draw.choice(UNARY.split())
    v = world.tensor()
    return f"torch.{name}({v})" if world.draw.chance(0.6) or name in ("i0", "isreal") else f"{v}.{name}()"


@expression(3)
def method(world: World) -> str:
    return f"{world.tensor()}.{world.draw.choice(METHODS.split())}()"


@expression(12)
def binary(world: World) -> str:
    name = world.draw.choice(BINARY.split())
    v = world.tensor()
    other = world.like(v) if world.draw.chance(0.7) else world.scalar()
    if world.draw.chance(0.1) and name not in ("isclose", "gcd"):
        return f"torch.{name}({world.scalar()}, {v})"
    more = ""
    if name in ("add", "sub") and world.draw.chance(0.3):
        more = f", alpha={world.draw.choice(('2', '-1', '0.5', '0'))}"
    if name == "div" and world.draw.chance(0.5):
        more = f", rounding_mode={world.draw.choice(('None', repr('floor'), repr('trunc')))}"
    return f"torch.{name}({v}, {other}{more})" if world.draw.chance(0.5) else f"{v}.{name}({other}{more})"


@expression(10)
def symbol(world: World) -> str:
    v, sign = world.tensor(), world.draw.choice(SYMBOLS)
    other = world.like(v) if world.draw.chance(0.6) else world.scalar()
    return f"{other} {sign} {v}" if world.draw.chance(0.3) else f"{v} {sign} {other}"


@expression(2)
def prefix(world: World) -> str:
    return world.draw.choice(("-{}", "+{}", "~{}", "abs({})", "round({})")).format(world.tensor())


@expression(4)
def ternary(world: World) -> str:
    v = world.tensor()
    kind = world.draw.integer(0, 5)
    if kind == 0:
        return f"torch.where({world.condition(v)}, {v}, {world.like(v) if world.draw.chance(0.7) else world.scalar()})"
    if kind == 1:
        low, high = world.small(), world.small()
        return f"{v}.clamp({world.draw.choice((low, f'min={low}', f'max={high}', f'{low}, {high}'))})"
    if kind == 2:
        return f"torch.addcmul({v}, {world.like(v)}, {world.like(v)}, value={world.scalar()})"
    if kind == 3:
        return f"torch.addcdiv({v}, {world.like(v)}, {world.like(v)}, value={world.small()})"
    if kind == 4:
        return (
            f"torch.lerp({v}, {world.like(v)}, {world.small() if world.draw.chance(0.5) else world.like(v)})"
        )
    return f"torch.clamp({v}, {world.like(v)}, {world.like(v)})"


@expression(5)
def converted(world: World) -> str:
    v = world.tensor()
    form = world.draw.choice(
        (
            "{v}.to({d})",
            "{v}.type({d})",
            "{v}.to({w})",
            "{v}.type_as({w})",
            "{v}.to('cpu', {d})",
            "{v}.to({d}, copy=True)",
        )
    )
    return form.format(v=v, d=world.dtype(), w=world.tensor())


@expression(5)
def activation(world: World) -> str:
    name = world.draw.choice(ACTIVATIONS.split())
    more = {
        "elu": ", alpha=0.5",
        "gelu": ", approximate='tanh'",
        "leaky_relu": ", 0.25",
        "softplus": ", beta=2.0",
        "hardtanh": ", -0.5, 0.5",
        "celu": ", 1.5",
    }.get(name, "")
    return f"torch.nn.functional.{name}({world.floating()}{more if world.draw.chance(0.4) else ''})"


@line(8)
def written(world: World) -> str:
    v, name = world.tensor(), world.draw.choice(WRITTEN.split())
    call = f"{v}.{name}_({world.small() if name == 'clamp_min' else ''})"
    return guarded(world, v, call)


@line(10)
def written_binary(world: World) -> str:
    v, name = world.tensor(), world.draw.choice(WRITTEN_BINARY.split()).rstrip("_")
    other = world.like(v) if world.draw.chance(0.6) else world.scalar()
    more = f", {world.small()}" if name == "lerp" else ""
    return guarded(world, v, f"{v}.{name}_({other}{more})")


@line(5)
def augmented(world: World) -> str:
    v = world.tensor()
    sign = world.draw.choice(("+=", "-=", "*=", "/=", "//=", "%=", "**=", "&=", "|="))
    return guarded(world, v, f"{v} {sign} {world.like(v) if world.draw.chance(0.6) else world.scalar()}")


@line(5)
def overwritten(world: World) -> str:
    v = world.tensor()
    call = world.draw.choice(
        (
            "{v}.copy_({w})",
            "{v}.fill_({s})",
            "{v}.zero_()",
            "{v}.data.mul_(2)",
            "{v}.detach().add_(1)",
            "{v}.masked_fill_({c}, {s})",
            "{v}.addcmul_({w}, {w}, value={s})",
        )
    ).format(v=v, w=world.like(v), s=world.scalar(), c=world.condition(v))
    return guarded(world, v, call)


@line(4)
def into(world: World) -> str:
    """`out=` into a variable that may be of another dtype, shape or layout."""
    out, name = world.tensor(), world.draw.choice(("add", "mul", "sub", "div", "maximum", "eq", "pow"))
    v = world.like(out)
    return guarded(world, out, f"torch.{name}({v}, {world.like(v)}, out={out})", 0.7)


@line(2)
def into_unary(world: World) -> str:
    out, name = (
        world.tensor(),
        world.draw.choice(("exp", "abs", "sqrt", "floor", "sigmoid", "neg", "isfinite")),
    )
    return guarded(world, out, f"torch.{name}({world.like(out)}, out={out})", 0.7)


def guarded(world: World, name: str, call: str, often: float = 0.45) -> str:
    """A write, likely inside no_grad where the tensor is recorded."""
    if world.value(name).requires_grad and world.draw.chance(often):
        return f"with torch.no_grad(): {call}"
    return call
