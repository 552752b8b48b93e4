"""torch.utils.tensorboard: event files for TensorBoard, written with the package `tensorboard`, which has to be installed."""

from __future__ import annotations

from tensorboard.summary.writer.record_writer import RecordWriter

from .writer import FileWriter, SummaryWriter

__all__ = ["FileWriter", "RecordWriter", "SummaryWriter"]
