"""The tolerance policy: whether two runs agree, and if not, the first difference in words."""

from __future__ import annotations

import re
import warnings
from dataclasses import dataclass
from typing import Any

import numpy as np

from conformance.observe import ErrorSeen, Observation, TensorSeen
from conformance.program import Array

EPSILON = {
    "float16": 2.0**-10,
    "bfloat16": 2.0**-7,
    "float32": 2.0**-23,
    "complex64": 2.0**-23,
    "complex32": 2.0**-10,
    "float64": 2.0**-52,
    "complex128": 2.0**-52,
}
# a result computed in float64 is not as far as this from the truth, relative to it
FAR = 2.0**-40
WIDE = ("float64", "complex128")
# torch.testing.assert_close's defaults, used where no wider oracle exists
DEFAULTS = {
    "float16": (1e-3, 1e-5),
    "bfloat16": (1.6e-2, 1e-5),
    "float32": (1.3e-6, 1e-5),
    "float64": (1e-7, 1e-7),
    "complex32": (1e-3, 1e-5),
    "complex64": (1.3e-6, 1e-5),
    "complex128": (1e-7, 1e-7),
}


@dataclass(frozen=True)
class Verdict:
    """One layer's answer for one case: pass, fail, unsupported, missing, ill-defined, timeout or known."""

    status: str
    detail: str = ""


PASS = Verdict("pass")


def is_float(array: Array) -> bool:
    return array.dtype.kind in "fc"


def number(value: Any) -> str:
    return f"{value:.7g}" if isinstance(value, (float, np.floating)) else str(value)


def describe(x: Array, t: Array, wrong: Array, limit: Array | None) -> str:
    """The first wrong element, how many there are, and the largest error."""
    first = tuple(int(part) for part in np.argwhere(wrong)[0])
    with np.errstate(all="ignore"):
        error = np.abs(x.astype(np.complex128) - t.astype(np.complex128))
    finite = error[wrong & np.isfinite(error)]
    largest = f", max error {finite.max():.2g}" if finite.size else ""
    allowed = f" (allowed {float(limit[first]):.2g})" if limit is not None else ""
    place = str(list(first)) if first else ""
    return f"{place} {number(x[first])} for {number(t[first])}{allowed}; {int(wrong.sum())}/{wrong.size} wrong{largest}"


def compare_values(x: Array, t: Array, o: Array | None, dtype: str, exact: bool) -> str:
    """The first difference between an implementation's numbers and torch's, or an empty text.

    `o` is torch's result in float64 on upcast inputs: |x-o| <= max(4e|o| + 4|t-o|, 4e|o| + 8 rms(t-o)).
    """
    if x.shape != t.shape:
        return f"shape {x.shape} for {t.shape}"
    if x.dtype == t.dtype and x.tobytes() == t.tobytes():
        return ""
    if not is_float(t) or not is_float(x) or exact:
        wrong = ~same_special(x, t)
        if exact and is_float(t) and not wrong.any() and t.dtype.kind == "f" and x.dtype.kind == "f":
            wrong = (np.signbit(x) != np.signbit(t)) & (t == 0)
        return describe(x, t, wrong, None) if wrong.any() else ""
    limit = tolerance(t, o, dtype)
    return judge(x, t, o, limit)


def same_special(x: Array, t: Array) -> Array:
    """Equal, with NaN equal to NaN."""
    alike = x == t
    if is_float(x) and is_float(t):
        alike = alike | (np.isnan(x) & np.isnan(t))
    return np.asarray(alike)


def yardstick(t: Array, o: Array | None, dtype: str, case_dtype: str) -> tuple[Array | None, str]:
    """The oracle that a result is measured from, if any, and the dtype whose rounding is the measure.

    Results in float64 have no wider oracle: they are compared with torch's, under float64's defaults. Only where a
    case of a narrower dtype gives numbers in float64 that are all numbers of that dtype, and further from the truth
    than float64's are, did torch compute in the narrower dtype and convert (an `out=` of another dtype): then they are
    held to what that dtype can do.
    """
    if o is not None and o.shape != t.shape:
        o = None
    if dtype not in WIDE:
        return o, dtype
    if o is None or case_dtype in WIDE or case_dtype not in EPSILON:
        return None, dtype
    with np.errstate(all="ignore"):
        narrow = narrowed(t, case_dtype)
        converted = bool(((narrow == t) | np.isnan(t)).all())
        far = np.abs(t - o) > FAR * np.abs(o)
    return (o, case_dtype) if converted and bool(far.any()) else (None, dtype)


def narrowed(values: Array, dtype: str) -> Array:
    """Numbers of float64 cut down to those of a narrower dtype."""
    if dtype == "bfloat16":
        bits = values.astype(np.float32).view(np.uint32) & np.uint32(0xFFFF0000)
        return np.asarray(np.asarray(bits).view(np.float32).astype(values.dtype))
    single = np.float16 if dtype in ("float16", "complex32") else np.float32
    if values.dtype.kind == "c":
        parts = values.real.astype(single).astype(np.float64), values.imag.astype(single).astype(np.float64)
        return np.asarray(parts[0] + 1j * parts[1])
    return np.asarray(values.astype(single).astype(values.dtype))


def tolerance(t: Array, o: Array | None, dtype: str) -> Array:
    """The allowed error of each element, around the oracle where there is one, else around torch's value."""
    with np.errstate(all="ignore"):
        relative, absolute = DEFAULTS.get(dtype, (0.0, 0.0))
        default = np.asarray(absolute + relative * np.abs(t.astype(widest(t))))
        if o is None or dtype not in EPSILON or dtype in WIDE:
            return default
        wide = t.astype(o.dtype)
        deviation = np.abs(wide - o)
        finite = deviation[np.isfinite(deviation)]
        rms = float(np.sqrt(np.mean(finite**2))) if finite.size else 0.0
        base = 4.0 * EPSILON[dtype] * np.abs(o)
        spread = np.where(np.isfinite(deviation), deviation, 0.0)
        # the smallest subnormal step: a result that rounds to zero is not wrong by the whole of itself
        step = float(np.finfo(np.float32).smallest_subnormal) if dtype in ("float32", "complex64") else 0.0
        step = 2.0**-24 if dtype in ("float16", "complex32") else step
        return np.asarray(np.maximum(base + 4.0 * spread, base + 8.0 * rms) + step)


def widest(array: Array) -> Any:
    return np.complex128 if array.dtype.kind == "c" else np.float64


def judge(x: Array, t: Array, o: Array | None, limit: Array) -> str:
    """Compare parts with NaN equal to NaN and infinities exact; both torch and the oracle excuse a value."""
    wide = np.complex128 if "c" in (x.dtype.kind, t.dtype.kind) else np.float64
    xw, tw = x.astype(wide), t.astype(wide)
    centre = tw if o is None else o.astype(wide)
    with np.errstate(all="ignore"):
        special = ~np.isfinite(tw) | ~np.isfinite(centre)
        close = np.abs(xw - np.where(special, tw, centre)) <= limit
        alike = (xw == tw) | (np.isnan(xw) & np.isnan(tw))
        if wide is np.complex128:
            parts = [(xw.real, tw.real), (xw.imag, tw.imag)]
            same = [(a == b) | (np.isnan(a) & np.isnan(b)) | np.isclose(a, b, rtol=1e-5) for a, b in parts]
            alike = np.where(special, same[0] & same[1], alike)
        wrong = ~np.where(special, alike, close | (xw == tw))
    return describe(x, t, wrong, limit) if wrong.any() else ""


def is_movement(t: Array, sources: list[Array]) -> bool:
    """Whether a result only moves, selects or negates input values: such operators are compared exactly."""
    if not is_float(t) or t.size < 4 or t.size > 100_000:
        return False
    pool = [np.abs(source).reshape(-1).astype(np.float64) for source in sources if source.dtype.kind in "fiu"]
    if not pool or t.dtype.kind == "c":
        return False
    known = np.concatenate([*pool, np.array([0.0])])
    found = np.abs(t).reshape(-1).astype(np.float64)
    found = found[np.isfinite(found)]
    return bool(found.size and np.isin(found, known).all())


def normalise_numbers(text: str) -> str:
    return re.sub(r"-?\d+(\.\d+)?(e-?\d+)?", "N", text)


def matches(pattern: str, text: str) -> bool:
    """Whether the pattern occurs, without Python's opinion on how it is written."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return re.search(pattern, text) is not None


ERROR_LEVELS = ("error type", "error text", "error numbers")
# where in its C++ sources torch raised a warning is no property of the program
SOURCE_PLACE = re.compile(r" \((Triggered internally at|function) [^)]*\)\s*$")


def compare_errors(x: Observation, t: ErrorSeen, pattern: str | None = None) -> dict[str, Verdict]:
    """Type, text, text without its numbers, and text by pattern of an error torch raises: each is its own level."""
    if x.error is None:
        return dict.fromkeys(ERROR_LEVELS, Verdict("fail", f"no error for {t}"))
    if x.error.kind in ("missing", "timeout", "crash") or (
        x.error.kind == "unsupported" and t.kind != "unsupported"
    ):
        return dict.fromkeys(ERROR_LEVELS, Verdict(x.error.kind, str(x.error)))
    if x.error.stage == "build inputs":
        return dict.fromkeys(ERROR_LEVELS, Verdict("unsupported", f"{x.error} [build inputs]"))
    verdicts = dict.fromkeys(ERROR_LEVELS, PASS)
    if x.error.type_name != t.type_name:
        verdicts["error type"] = Verdict("fail", f"{x.error} for {t}")
    if x.error.text != t.text:
        wrong = Verdict("fail", f"{x.error.text[:200]!r} for {t.text[:200]!r}")
        verdicts["error text"] = wrong
        if normalise_numbers(x.error.text) != normalise_numbers(t.text):
            verdicts["error numbers"] = wrong
    if pattern is not None and matches(pattern, t.text):
        matched = matches(pattern, x.error.text)
        verdicts["error pattern"] = (
            PASS if matched else Verdict("fail", f"{x.error.text[:200]!r} !~ {pattern!r}")
        )
    return verdicts


def compare_warnings(x: Observation, t: Observation) -> Verdict:
    """Category and text of every warning of the call, in order."""
    ours, theirs = ([(kind, SOURCE_PLACE.sub("", text)) for kind, text in seen.warnings] for seen in (x, t))
    if ours == theirs:
        return PASS
    for mine, other in zip(ours, theirs, strict=False):
        if mine != other:
            return Verdict("fail", f"{mine} for {other}")
    if len(ours) > len(theirs):
        return Verdict("fail", f"{ours[len(theirs)]} where torch does not warn")
    return Verdict("fail", f"no warning for {theirs[len(ours)]}")


def compare_versions(x: Observation, t: Observation) -> str:
    """How the backward pass ended after each change of a saved tensor."""
    for place, ending in t.versions.items():
        ours = x.versions.get(place, "cannot be changed")
        if ours != ending:
            return f"{place} changed after the forward pass: {ours} for {ending}"
    return ""


def compare_strides(x: TensorSeen, t: TensorSeen) -> str:
    """Strides of dimensions longer than one, which are the ones a program can see through; then all of them."""
    if isinstance(x.stride, str):
        return x.stride
    if x.stride != t.stride and 0 not in t.shape:
        only = all(size == 1 for size, a, b in zip(t.shape, x.stride, t.stride, strict=False) if a != b)
        return f"{x.stride} for {t.stride} of shape {t.shape}" + (
            " (length-1 dimensions only)" if only else ""
        )
    if x.stride != t.stride:
        return f"{x.stride} for {t.stride} of shape {t.shape} (empty)"
    return "" if x.offset == t.offset else f"offset {x.offset} for {t.offset}"
