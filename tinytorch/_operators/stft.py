"""Short-time Fourier transforms."""

from __future__ import annotations

from typing import Any

from tinytorch._core.declare import find
from tinytorch._core.promotion import legacy_name
from tinytorch._core.warning import warn, warn_once
from tinytorch._operators.fft import fft_c2c, fft_c2r, fft_r2c


def _describe(name: str, input: Any, values: dict[str, Any]) -> str:
    kind = f"{input.type()}[{', '.join(map(str, input.shape))}]"
    shown = ", ".join(
        f"{key}={int(value) if isinstance(value, bool) else value}" for key, value in values.items()
    )
    return f"{name}({kind}, {shown}) "


def stft(
    input: Any,
    n_fft: int,
    hop_length: int | None = None,
    win_length: int | None = None,
    window: Any = None,
    center: bool = True,
    pad_mode: str = "reflect",
    normalized: bool = False,
    onesided: bool | None = None,
    return_complex: bool | None = None,
    align_to_window: bool | None = None,
) -> Any:
    """Fourier transforms of overlapping windows of a signal: (L) or (B, L) to (B, frequencies, frames)."""
    if align_to_window is not None and center:
        raise RuntimeError("stft align_to_window should only be set when center = false")
    if center:
        rank = input.dim()
        half = n_fft // 2
        extended = [1] * (3 - rank) + list(input.shape)
        input = find("pad").call(input.view(extended), [half, half], pad_mode, None)
        input = input.view(input.shape[-rank:])
    hop = n_fft // 4 if hop_length is None else hop_length
    width = n_fft if win_length is None else win_length
    if return_complex is None:
        if not (input.dtype.is_complex or (window is not None and window.dtype.is_complex)):
            raise RuntimeError(
                "stft requires the return_complex parameter be given for real inputs, and will further require that return_complex=True in "
                "a future PyTorch release."
            )
        return_complex = True
    prefix = _describe(
        "stft",
        input,
        {"n_fft": n_fft, "hop_length": hop, "win_length": width,
         "window": None if window is None else f"{window.type()}{{{list(window.shape)}}}", "normalized": bool(normalized),
         "onesided": onesided, "return_complex": return_complex, "align_to_window": align_to_window},
    ) + ": "  # fmt: skip
    if input.dtype._category not in ("float", "complex"):
        raise RuntimeError(prefix + "expected a tensor of floating point or complex values")
    if input.dim() not in (1, 2):
        raise RuntimeError(prefix + "expected a 1D or 2D tensor")
    single = input.dim() == 1
    if single:
        input = input.unsqueeze(0)
    batch, length = input.shape
    if n_fft <= 0 or n_fft > length:
        raise RuntimeError(f"{prefix}expected 0 < n_fft < {length}, but got n_fft={n_fft}")
    if hop <= 0:
        raise RuntimeError(f"{prefix}expected hop_length > 0, but got hop_length={hop}")
    if width <= 0 or width > n_fft:
        raise RuntimeError(f"{prefix}expected 0 < win_length <= n_fft, but got win_length={width}")
    if window is not None and (window.dim() != 1 or window.shape[0] != width):
        raise RuntimeError(
            f"{prefix}expected a 1D window tensor of size equal to win_length={width}, but got window with size {list(window.shape)}"
        )
    if window is None:
        warn_once(
            "A window was not provided. A rectangular window will be applied,which is known to cause spectral leakage. Other windows such "
            "as torch.hann_window or torch.hamming_window are recommended to reduce spectral leakage.To suppress this warning and use a "
            "rectangular window, explicitly set `window=torch.ones(n_fft, device=<device>)`."
        )
    if width < n_fft:
        left = (n_fft - width) // 2
        whole = input.new_zeros(n_fft, dtype=None if window is None else window.dtype)
        part = whole.narrow(0, left, width)
        part.fill_(1) if window is None else part.copy_(window)
        window = whole
    frames = 1 + (length - n_fft) // hop
    steps = input.stride()
    input = input.as_strided(
        (batch, frames, n_fft), (steps[0], hop * steps[1], steps[1])
    )  # (B, frames, n_fft)
    if window is not None:
        input = input.mul(window)
    complex_input = input.dtype.is_complex
    if onesided is None:
        onesided = not complex_input
    if input.dtype._reduced:
        raise RuntimeError(f"MKL FFT doesn't support tensors of type: {legacy_name(input.dtype)}")
    if complex_input:
        if onesided:
            raise RuntimeError("Cannot have onesided output if window or input is complex")
        out = fft_c2c(input, [2], int(normalized), True)
    else:
        out = fft_r2c(input, [2], int(normalized), bool(onesided))
    out = out.transpose_(1, 2)
    if single:
        out = out.squeeze_(0)
    if not return_complex:
        warn_once(
            "stft with return_complex=False is deprecated. In a future pytorch release, stft will return complex tensors for all inputs, and "
            "return_complex=False will raise an error.\nNote: you can still call torch.view_as_real on the complex output to recover the old "
            "return format."
        )
    return out if return_complex else find("view_as_real").call(out)


def istft(
    input: Any,
    n_fft: int,
    hop_length: int | None = None,
    win_length: int | None = None,
    window: Any = None,
    center: bool = True,
    normalized: bool = False,
    onesided: bool | None = None,
    length: int | None = None,
    return_complex: bool = False,
) -> Any:
    """The signal of a short-time Fourier transform, by overlapping and adding. Raises RuntimeError where windows leave gaps."""
    hop = n_fft // 4 if hop_length is None else hop_length
    width = n_fft if win_length is None else win_length
    prefix = _describe(
        "istft",
        input,
        {"n_fft": n_fft, "hop_length": hop, "win_length": width,
         "window": None if window is None else f"{window.type()}{{{list(window.shape)}}}", "center": center, "normalized": bool(normalized),
         "onesided": onesided, "length": length, "return_complex": return_complex},
    ).replace("torch.", "CPU").replace("Tensor[", "Type[") + ": "  # fmt: skip
    if not input.dtype.is_complex:
        raise RuntimeError(
            "istft requires a complex-valued input tensor matching the output from stft with return_complex=True."
        )
    parts = find("view_as_real").call(input)
    rank, frames, size = parts.dim(), parts.shape[-2], parts.shape[-3]
    expected = n_fft + hop * (frames - 1)
    if not input.numel():
        raise RuntimeError(prefix + "input tensor cannot be empty.")
    if rank not in (3, 4):
        raise RuntimeError(f"{prefix}expected a tensor with 3 or 4 dimensions, but got {rank}")
    if onesided is None:
        onesided = size != n_fft
    if onesided and n_fft // 2 + 1 != size:
        raise RuntimeError(
            f"{prefix}expected the frequency dimension (3rd to the last) of the input tensor to match n_fft / 2 + 1 when onesided=True, "
            f"but got {size}"
        )
    if not onesided and n_fft != size:
        raise RuntimeError(
            f"{prefix}expected the frequency dimension (3rd to the last) of the input tensor to match n_fft when onesided=False, but got "
            f"{size}"
        )
    if not 0 < hop <= width:
        raise RuntimeError(prefix + "expected 0 < hop_length <= win_length")
    if not 0 < width <= n_fft:
        raise RuntimeError(prefix + "expected 0 < win_length <= n_fft")
    if window is not None and (window.dim() != 1 or window.shape[0] != width):
        raise RuntimeError(f"{prefix}Invalid window shape. window has to be 1D and length of `win_length`")
    weights = parts.new_ones(width) if window is None else window
    if width != n_fft:
        left = (n_fft - width) // 2
        weights = find("constant_pad_nd").call(weights, [left, n_fft - width - left], 0)
    if window is None:
        warn_once(
            "A window was not provided. A rectangular window will be applied.Please provide the same window used by stft to make the "
            "inversion lossless.To suppress this warning and use a rectangular window, explicitly set "
            "`window=torch.ones(n_fft, device=<device>)`."
        )
    if rank == 3:
        parts = parts.unsqueeze(0)
    spectrum = find("view_as_complex").call(parts.transpose(1, 2))  # (B, frames, frequencies)
    scale = 1 if normalized else 2
    if return_complex:
        if onesided:
            raise RuntimeError("Cannot have onesided output if window or input is complex")
        signal = fft_c2c(spectrum, [2], scale, False)
    else:
        if window is not None and window.dtype.is_complex:
            raise RuntimeError("Complex windows are incompatible with return_complex=False")
        if not onesided:
            spectrum = find("slice", "Tensor").call(spectrum, -1, 0, n_fft // 2 + 1, 1)
        signal = fft_c2r(spectrum, [2], scale, n_fft)
    fold = find("unfold_backward").call
    shaped = signal * weights.view(1, 1, n_fft)
    total = fold(shaped, [shaped.shape[0], expected], 1, n_fft, hop)
    envelope = fold(weights.pow(2).expand(1, frames, n_fft), [1, expected], 1, n_fft, hop)
    start = n_fft // 2 if center else 0
    end = start + length if length is not None else expected - n_fft // 2 if center else expected
    cut = find("slice", "Tensor").call
    total, envelope = cut(total, 1, start, end, 1), cut(envelope, 1, start, end, 1)
    if bool(envelope.detach().abs().min() < 1e-11):
        raise RuntimeError(f"{prefix}window overlap add min: 1")
    result = total / envelope
    if rank == 3:
        result = result.squeeze(0)
    if end > expected:
        warn("The length of signal is shorter than the length parameter. Result is being padded with zeros in the tail. Please check your center, hop_length and window padding settings.")  # fmt: skip
        result = find("constant_pad_nd").call(result, [0, end - expected], 0)
    return result


FUNCTIONS = {"stft": stft, "istft": istft}


def _stft_method(
    self: Any, n_fft: int, hop_length: int | None = None, win_length: int | None = None, window: Any = None, center: bool = True,
    pad_mode: str = "reflect", normalized: bool = False, onesided: bool | None = None, return_complex: bool | None = None,
    align_to_window: bool | None = None,
) -> Any:  # fmt: skip
    return stft(
        self,
        n_fft,
        hop_length,
        win_length,
        window,
        center,
        pad_mode,
        normalized,
        onesided,
        return_complex,
        align_to_window,
    )


METHODS = {"stft": _stft_method, "istft": istft}
