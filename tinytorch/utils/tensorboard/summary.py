"""Summaries, TensorBoard's protocol buffers, made of arrays and plain values."""

from __future__ import annotations

import io
import json
import wave
from collections.abc import Sequence
from typing import Any

import numpy as np
from tensorboard.compat.proto.summary_pb2 import HistogramProto, Summary, SummaryMetadata
from tensorboard.compat.proto.tensor_pb2 import TensorProto
from tensorboard.compat.proto.tensor_shape_pb2 import TensorShapeProto
from tensorboard.plugins.custom_scalar import layout_pb2
from tensorboard.plugins.pr_curve.plugin_data_pb2 import PrCurvePluginData

from ..._core.tensor import Tensor

__all__ = ["audio", "custom_scalars", "histogram", "histogram_raw", "hparams", "image", "image_boxes", "mesh", "pr_curve",
           "pr_curve_raw", "scalar", "tensor_proto", "text"]  # fmt: skip

#: By torch's dtype: the protocol buffer's type, and the field that holds elements of it.
_ELEMENTS = {
    "float16": ("DT_HALF", "half_val"),
    "bfloat16": ("DT_BFLOAT16", "half_val"),
    "float32": ("DT_FLOAT", "float_val"),
    "float64": ("DT_DOUBLE", "double_val"),
    "int8": ("DT_INT8", "int_val"),
    "int16": ("DT_INT16", "int_val"),
    "int32": ("DT_INT32", "int_val"),
    "int64": ("DT_INT64", "int64_val"),
    "uint8": ("DT_UINT8", "uint32_val"),
    "bool": ("DT_BOOL", "bool_val"),
    "complex64": ("DT_COMPLEX64", "scomplex_val"),
    "complex128": ("DT_COMPLEX128", "dcomplex_val"),
}


def _array_of(value: Any) -> np.ndarray:
    """A number, array or tensor as an array of at least one dimension. Raises NotImplementedError for anything else."""
    if isinstance(value, np.ndarray):
        return value
    if np.isscalar(value):
        return np.array([value])
    if isinstance(value, Tensor):
        return value.detach().cpu().numpy()  # type: ignore[attr-defined, no-any-return]
    raise NotImplementedError(f"Got {type(value)}, but numpy array or torch tensor are expected.")


def _plugin(name: str, content: bytes = b"") -> SummaryMetadata:
    return SummaryMetadata(plugin_data=SummaryMetadata.PluginData(plugin_name=name, content=content))


def _shape(*sizes: int) -> TensorShapeProto:
    return TensorShapeProto(dim=[TensorShapeProto.Dim(size=size) for size in sizes])


def _of(tag: str, **content: Any) -> Summary:
    return Summary(value=[Summary.Value(tag=tag, **content)])


def scalar(
    name: str, tensor: Any, collections: Any = None, new_style: bool = False, double_precision: bool = False
) -> Summary:
    """One number. Raises AssertionError if there are several."""
    number = _array_of(tensor).squeeze()
    if number.ndim:
        raise AssertionError(
            "Tensor should contain one element (0 dimensions).             Was given size: "
            f"{number.size} and {number.ndim} dimensions."
        )
    number = float(number)
    if not new_style:
        return _of(name, simple_value=number)
    kind, field = _ELEMENTS["float64" if double_precision else "float32"]
    return _of(name, tensor=TensorProto(dtype=kind, **{field: [number]}), metadata=_plugin("scalars"))


def tensor_proto(tag: str, tensor: Any) -> Summary:
    """A tensor with its shape and elements; 16-bit floats as the bits of float32."""
    tensor.numel()  # an array is none
    element = str(tensor.dtype).rpartition(".")[2]
    if element not in _ELEMENTS:
        raise ValueError(f"{tag} has unsupported tensor dtype {tensor.dtype}")
    kind, field = _ELEMENTS[element]
    flat = tensor.detach().cpu().reshape(-1)
    if field == "half_val":
        elements: Any = flat.float().numpy().view(np.int32).tolist()
    elif tensor.is_complex():
        elements = flat.numpy().view(np.float32 if element == "complex64" else np.float64).tolist()
    else:
        elements = flat.tolist()
    proto = TensorProto(dtype=kind, tensor_shape=_shape(*tensor.shape), **{field: elements})
    return _of(tag, tensor=proto, metadata=_plugin("tensor"))


def histogram(name: str, values: Any, bins: Any, max_bins: int | None = None) -> Summary:
    """How many values lie in each bin; empty bins at either end are left out but for one in front."""
    array = _array_of(values)
    if not array.size:
        raise ValueError("The input has no element.")
    values = array.reshape(-1).astype(float)
    counts, edges = np.histogram(values, bins=bins)
    if max_bins is not None and len(counts) > max_bins:
        together = len(counts) // max_bins
        counts = np.append(counts, np.zeros(-len(counts) % together, counts.dtype))
        counts = counts.reshape(-1, together).sum(1)
        edges = np.append(edges[:-1:together], edges[-1])
    filled = np.flatnonzero(counts)
    first, last = int(filled[0]), int(filled[-1])
    # each bin is named by its upper end: the empty one in front ends where the first filled one begins
    content = HistogramProto(
        min=values.min(),
        max=values.max(),
        num=len(values),
        sum=values.sum(),
        sum_squares=values.dot(values),
        bucket_limit=edges[first : last + 2].tolist(),
        bucket=[0, *counts[first : last + 1].tolist()],
    )
    return _of(name, histo=content)


def histogram_raw(
    name: str,
    min: float,
    max: float,
    num: int,
    sum: float,
    sum_squares: float,
    bucket_limits: Sequence[float],
    bucket_counts: Sequence[int],
) -> Summary:
    """A histogram that the caller has counted. Raises ValueError for limits and counts of different number."""
    if len(bucket_limits) != len(bucket_counts):
        raise ValueError("len(bucket_limits) != len(bucket_counts), see the document.")
    content = HistogramProto(
        min=min,
        max=max,
        num=num,
        sum=sum,
        sum_squares=sum_squares,
        bucket_limit=bucket_limits,
        bucket=bucket_counts,
    )
    return _of(name, histo=content)


def text(tag: str, text: str) -> Summary:
    """Markdown."""
    proto = TensorProto(dtype="DT_STRING", string_val=[text.encode("utf_8")], tensor_shape=_shape(1))
    return _of(f"{tag}/text_summary", tensor=proto, metadata=_plugin("text"))


def audio(tag: str, tensor: Any, sample_rate: int = 44100) -> Summary:
    """One channel of samples between -1 and 1 as a WAV file of 16 bits."""
    sound = _array_of(tensor).squeeze()
    if np.abs(sound).max() > 1:
        sound = np.clip(sound, -1, 1)
    if sound.ndim != 1:
        raise AssertionError("input tensor should be 1 dimensional.")
    written = io.BytesIO()
    with wave.open(written, "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(sample_rate)
        file.writeframes((sound * np.iinfo(np.int16).max).astype("<i2").tobytes())
    content = Summary.Audio(
        sample_rate=sample_rate,
        num_channels=1,
        length_frames=len(sound),
        encoded_audio_string=written.getvalue(),
        content_type="audio/wav",
    )
    return _of(tag, audio=content)


def pr_curve(
    tag: str, labels: Any, predictions: Any, num_thresholds: int = 127, weights: Any = None
) -> Summary:
    """Precision and recall at thresholds evenly spaced in [0, 1], counted from labels and predicted probabilities."""
    number = min(num_thresholds, 127)
    labels, predictions = _array_of(labels).astype(float), _array_of(predictions)
    weights = 1.0 if weights is None else weights
    places = np.clip(np.int32(np.floor(predictions * (number - 1))), 0, number - 1)
    positive, negative = (
        np.histogram(places, bins=number, range=(0, number - 1), weights=kind * weights)[0]
        for kind in (labels, 1.0 - labels)
    )
    # predicted positive at a threshold: everything in its bin or above
    hits, alarms = (np.cumsum(counts[::-1])[::-1] for counts in (positive, negative))
    misses, few = hits[0] - hits, 1e-7
    precision = hits / np.maximum(few, hits + alarms)
    recall = hits / np.maximum(few, hits + misses)
    return pr_curve_raw(tag, hits, alarms, alarms[0] - alarms, misses, precision, recall, number)


def pr_curve_raw(
    tag: str,
    tp: Any,
    fp: Any,
    tn: Any,
    fn: Any,
    precision: Any,
    recall: Any,
    num_thresholds: int = 127,
    weights: Any = None,
) -> Summary:
    """Six rows of numbers, one per threshold."""
    rows = np.stack([tp, fp, tn, fn, precision, recall])  # (6, thresholds)
    proto = TensorProto(
        dtype="DT_FLOAT", float_val=rows.reshape(-1).tolist(), tensor_shape=_shape(*rows.shape)
    )
    data = PrCurvePluginData(version=0, num_thresholds=min(num_thresholds, 127)).SerializeToString()
    return _of(tag, tensor=proto, metadata=_plugin("pr_curves", data))


def custom_scalars(layout: dict[str, Any]) -> Summary:
    """Pages of charts: {page: {chart: ["Multiline" or "Margin", [tags]]}}."""
    categories = []
    for page, charts in layout.items():
        drawn = []
        for title, (kind, tags) in charts.items():
            if kind == "Margin":
                if len(tags) != 3:
                    raise AssertionError(f"expected 3 tags, got {len(tags)}")
                series = layout_pb2.MarginChartContent.Series(value=tags[0], lower=tags[1], upper=tags[2])
                margin = layout_pb2.MarginChartContent(series=[series])
                drawn.append(layout_pb2.Chart(title=title, margin=margin))
            else:
                lines = layout_pb2.MultilineChartContent(tag=tags)
                drawn.append(layout_pb2.Chart(title=title, multiline=lines))
        categories.append(layout_pb2.Category(title=page, chart=drawn))
    written = layout_pb2.Layout(category=categories).SerializeToString()
    proto = TensorProto(dtype="DT_STRING", string_val=[written], tensor_shape=TensorShapeProto())
    return _of("custom_scalars__config__", tensor=proto, metadata=_plugin("custom_scalars"))


def mesh(
    tag: str,
    vertices: Any,
    colors: Any,
    faces: Any,
    config_dict: dict[str, Any] | None,
    display_name: str | None = None,
    description: str | None = None,
) -> Summary:
    """Points (B, N, 3) in space with colours (B, N, 3) and triangles (B, M, 3)."""
    from tensorboard.plugins.mesh import metadata
    from tensorboard.plugins.mesh.plugin_data_pb2 import MeshPluginData

    parts = [
        (_array_of(array), kind, ["VERTEX", "FACE", "COLOR"][kind - 1])
        for array, kind in (
            (vertices, MeshPluginData.VERTEX),
            (faces, MeshPluginData.FACE),
            (colors, MeshPluginData.COLOR),
        )
        if array is not None
    ]
    present = metadata.get_components_bitmask([kind for _, kind, _ in parts])
    values = []
    for array, kind, name in parts:
        about = metadata.create_summary_metadata(
            tag,
            display_name,
            kind,
            present,
            array.shape,
            description,
            json_config=json.dumps(config_dict or {}, sort_keys=True),
        )
        proto = TensorProto(
            dtype="DT_FLOAT", float_val=array.reshape(-1).tolist(), tensor_shape=_shape(*array.shape)
        )
        values.append(Summary.Value(tag=f"{tag}_{name}", tensor=proto, metadata=about))
    return Summary(value=values)


def hparams(
    hparam_dict: dict[str, Any] | None = None,
    metric_dict: dict[str, Any] | None = None,
    hparam_domain_discrete: dict[str, list[Any]] | None = None,
) -> tuple[Summary, Summary, Summary]:
    """What a run was given and what it is measured by: the experiment, its start, and its end."""
    from google.protobuf import struct_pb2
    from tensorboard.plugins.hparams import api_pb2, metadata, plugin_data_pb2

    if not isinstance(hparam_dict, dict) or not isinstance(metric_dict, dict):
        raise TypeError("hparam_dict and metric_dict should be dictionary.")
    kinds: dict[Any, tuple[str, str]] = {
        (int, float): ("DATA_TYPE_FLOAT64", "number_value"),
        str: ("DATA_TYPE_STRING", "string_value"),
    }
    domains = hparam_domain_discrete or {}
    for name, values in domains.items():
        if (
            name not in hparam_dict
            or not isinstance(values, list)
            or not all(isinstance(value, type(hparam_dict[name])) for value in values)
        ):
            raise TypeError(
                f"parameter: hparam_domain_discrete[{name}] should be a list of same type as hparam_dict[{name}]."
            )
    start = plugin_data_pb2.SessionStartInfo()
    infos = []
    for name, value in hparam_dict.items():
        if value is None:
            continue
        if isinstance(value, Tensor):
            value = float(_array_of(value).item())
        kind, field = next((words for cls, words in kinds.items() if isinstance(value, cls)), (None, ""))
        if kind is None:
            raise ValueError("value should be one of int, float, str, bool, or torch.Tensor")
        setattr(start.hparams[name], field, value)
        domain = None
        if name in domains:
            domain = struct_pb2.ListValue(
                values=[struct_pb2.Value(**{field: item}) for item in domains[name]]
            )
        infos.append(api_pb2.HParamInfo(name=name, type=api_pb2.DataType.Value(kind), domain_discrete=domain))
    measured = [api_pb2.MetricInfo(name=api_pb2.MetricName(tag=name)) for name in metric_dict]
    experiment = api_pb2.Experiment(hparam_infos=infos, metric_infos=measured)
    end = plugin_data_pb2.SessionEndInfo(status=api_pb2.Status.Value("STATUS_SUCCESS"))

    def summary(tag: str, **content: Any) -> Summary:
        data = plugin_data_pb2.HParamsPluginData(version=metadata.PLUGIN_DATA_VERSION, **content)
        return _of(tag, metadata=_plugin(metadata.PLUGIN_NAME, data.SerializeToString()))

    return (
        summary(metadata.EXPERIMENT_TAG, experiment=experiment),
        summary(metadata.SESSION_START_INFO_TAG, session_start_info=start),
        summary(metadata.SESSION_END_INFO_TAG, session_end_info=end),
    )


def image(tag: str, tensor: Any, rescale: float = 1, dataformats: str = "NCHW") -> Summary:
    """A picture, or several in a grid, of floats in [0, 1] or bytes in 0 ... 255, as a PNG file."""
    pixels = _array_of(tensor)
    return _png(tag, _in_rows(pixels, dataformats), _factor(pixels), rescale)


def image_boxes(
    tag: str,
    tensor_image: Any,
    tensor_boxes: Any,
    rescale: float = 1,
    dataformats: str = "CHW",
    labels: Sequence[str] | None = None,
) -> Summary:
    """A picture on which boxes (N, 4) of two corners each are drawn."""
    pixels, boxes = _array_of(tensor_image), _array_of(tensor_boxes)
    rows = _in_rows(pixels, dataformats).astype(np.float32)
    return _png(tag, rows, _factor(pixels), rescale, boxes.reshape(-1, 4), labels)


def _factor(pixels: np.ndarray) -> int:
    return 1 if pixels.dtype == np.uint8 else 255


def _png(
    tag: str,
    pixels: np.ndarray,
    factor: int,
    rescale: float = 1,
    boxes: np.ndarray | None = None,
    labels: Sequence[str] | None = None,
) -> Summary:
    from PIL import Image, ImageDraw

    # (H, W, C)
    picture = Image.fromarray((pixels.astype(np.float32) * factor).clip(0, 255).astype(np.uint8))
    if boxes is not None:
        draw = ImageDraw.Draw(picture)
        for number, (left, top, right, bottom) in enumerate(boxes.tolist()):
            corners = [(left, top), (left, bottom), (right, bottom), (right, top), (left, top)]
            draw.line(corners, width=2, fill="Red")
            if labels is not None:
                _label(draw, labels[number], left, bottom)
    height, width, channels = pixels.shape
    height, width = int(height * rescale), int(width * rescale)
    picture = picture.resize((width, height), Image.Resampling.LANCZOS)
    written = io.BytesIO()
    picture.save(written, format="PNG")
    content = Summary.Image(
        height=height, width=width, colorspace=channels, encoded_image_string=written.getvalue()
    )
    return _of(tag, image=content)


def _label(draw: Any, words: str, left: float, bottom: float) -> None:
    from PIL import ImageFont

    font = ImageFont.load_default()
    _, _, width, height = font.getbbox(words)
    margin = np.ceil(0.05 * height)
    draw.rectangle(
        [(left, bottom - height - 2 * margin), (left + width, bottom)],
        fill="Red",
    )
    draw.text((left + margin, bottom - height - margin), words, fill="black", font=font)


def _in_rows(pixels: np.ndarray, format: str) -> np.ndarray:
    """Pixels of the order that the letters say as (H, W, C); several pictures in a grid of at most 8 columns."""
    letters = format.upper()
    if len(set(letters)) != len(letters):
        raise AssertionError(
            f"You can not use the same dimension shordhand twice.         input_format: {format}"
        )
    if pixels.ndim != len(letters):
        raise AssertionError(
            "size of input tensor and input format are different.         "
            f"tensor shape: {pixels.shape}, input_format: {format}"
        )
    if len(letters) == 4:
        return _grid(pixels.transpose([letters.find(letter) for letter in "NCHW"]))
    if len(letters) == 3:
        rows = pixels.transpose([letters.find(letter) for letter in "HWC"])
        return np.concatenate([rows] * 3, 2) if rows.shape[2] == 1 else rows
    rows = pixels.transpose([letters.find(letter) for letter in "HW"])
    return np.stack([rows] * 3, 2)


def _grid(pictures: np.ndarray, columns: int = 8) -> np.ndarray:
    """(N, C, H, W) with 1 or 3 channels as one picture (rows·H, columns·W, 3)."""
    if pictures.shape[1] not in (1, 3):
        raise AssertionError("Input should be a 4D numpy array with 3 channels")
    count, channels, height, width = pictures.shape
    if channels == 1:
        pictures = np.concatenate([pictures] * 3, 1)
    columns = min(count, columns)
    rows = -(-count // columns)
    canvas = np.zeros((3, height * rows, width * columns), pictures.dtype)
    for number, picture in enumerate(pictures):
        top, left = number // columns * height, number % columns * width
        canvas[:, top : top + height, left : left + width] = picture
    return canvas.transpose(1, 2, 0)
