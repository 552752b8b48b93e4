"""What a SummaryWriter writes, event by event."""

from __future__ import annotations

import glob
import tempfile

import numpy as np
import torch
from tensorboard.backend.event_processing.event_file_loader import RawEventFileLoader
from tensorboard.compat.proto.event_pb2 import Event
from torch.utils.tensorboard import SummaryWriter


def written(folder: str) -> None:
    """Print every event of every file below the folder, without times."""
    for path in sorted(glob.glob(f"{folder}/**/events*", recursive=True)):
        print("file", path[len(folder) : path.index("events.out")])
        for record in RawEventFileLoader(path).Load():
            event = Event.FromString(record)
            event.ClearField("wall_time")
            print(" ".join(str(event).split())[:3000])


def refused(call: object) -> None:
    try:
        call()  # type: ignore[operator]
    except Exception as error:
        print(type(error).__name__, error)


def main() -> None:
    torch.manual_seed(0)
    with tempfile.TemporaryDirectory() as folder:
        with SummaryWriter(folder) as writer:
            writer.add_scalar("loss", 0.5, 1, walltime=3.0)
            writer.add_scalar("loss/tensor", torch.tensor([2.5]), 2)
            writer.add_scalar("loss/new", torch.tensor(1.5, requires_grad=True), 2, new_style=True)
            writer.add_scalar("loss/double", np.float64(1 / 3), 3, new_style=True, double_precision=True)
            writer.add_scalar("int", 3)
            writer.add_tensor("tensor", torch.arange(6.0).view(2, 3), 1)
            writer.add_tensor("tensor/int", torch.arange(3), 1)
            for bins in ("tensorflow", "auto", "fd", 5):
                writer.add_histogram("weights", torch.randn(50), 4, bins=bins)
            writer.add_histogram("few", np.arange(3), 4, max_bins=2)
            writer.add_histogram_raw("raw", 0.0, 2.0, 3, 3.0, 5.0, [1.0, 2.0], [1, 2], 5)
            writer.add_text("note", "**bold**", 6)
            writer.add_text("a/note", "x")
            writer.add_image("image", torch.rand(3, 4, 5), 7)
            writer.add_image("image/gray", torch.rand(4, 5), 7, dataformats="HW")
            writer.add_image(
                "image/bytes", torch.randint(0, 255, (4, 5, 3), dtype=torch.uint8), dataformats="HWC"
            )
            writer.add_images("images", torch.rand(5, 1, 3, 2), 8)
            writer.add_image_with_boxes("boxes", torch.rand(3, 9, 9), torch.tensor([[1, 1, 5, 5]]), 8)
            writer.add_pr_curve(
                "curve",
                torch.tensor([0, 1, 1, 0, 1]),
                torch.tensor([0.1, 0.9, 0.4, 0.6, 0.8]),
                9,
                num_thresholds=5,
            )
            writer.add_pr_curve_raw(
                "raw", [3, 2], [1, 0], [0, 1], [0, 1], [0.75, 1.0], [1.0, 0.6], 9, num_thresholds=2
            )
            writer.add_custom_scalars(
                {"page": {"one": ["Multiline", ["a", "b"]], "two": ["Margin", ["m", "l", "u"]]}}
            )
            writer.add_mesh("mesh", torch.rand(1, 3, 3), faces=torch.tensor([[[0, 1, 2]]]))
            writer.add_scalars("many", {"a": 1.0, "b": torch.tensor(2.0)}, 10)
            # one at a time: protocol buffers write their maps in any order
            for name, value in {"rate": 0.1, "kind": "sgd", "wide": True, "depth": 3, "none": None}.items():
                writer.add_hparams({name: value}, {"score": 0.75}, run_name=f"run_{name}")
            writer.add_hparams({"kind": "sgd"}, {}, {"kind": ["sgd", "adam"]}, run_name="choice")
            refused(lambda: writer.add_scalar("bad", torch.ones(2)))
            refused(lambda: writer.add_scalar("bad", "text"))
            refused(lambda: writer.add_image("bad", torch.rand(3, 4)))
            refused(lambda: writer.add_hparams([], {}))
            refused(lambda: writer.add_hparams({"a": object()}, {}))
            print(writer.get_logdir() == folder)
        written(folder)


main()
