"""Pipes over items in order."""

from __future__ import annotations

from ._combining import ConcaterIterDataPipe as Concater
from ._combining import DemultiplexerIterDataPipe as Demultiplexer
from ._combining import ForkerIterDataPipe as Forker
from ._combining import MultiplexerIterDataPipe as Multiplexer
from ._combining import ZipperIterDataPipe as Zipper
from ._elements import BatcherIterDataPipe as Batcher
from ._elements import CollatorIterDataPipe as Collator
from ._elements import FilterIterDataPipe as Filter
from ._elements import GrouperIterDataPipe as Grouper
from ._elements import IterableWrapperIterDataPipe as IterableWrapper
from ._elements import MapperIterDataPipe as Mapper
from ._elements import UnBatcherIterDataPipe as UnBatcher
from ._files import FileListerIterDataPipe as FileLister
from ._files import FileOpenerIterDataPipe as FileOpener
from ._files import RoutedDecoderIterDataPipe as RoutedDecoder
from ._files import StreamReaderIterDataPipe as StreamReader
from ._ordering import SamplerIterDataPipe as Sampler
from ._ordering import ShardingFilterIterDataPipe as ShardingFilter
from ._ordering import ShufflerIterDataPipe as Shuffler

__all__ = [
    "Batcher",
    "Collator",
    "Concater",
    "Demultiplexer",
    "FileLister",
    "FileOpener",
    "Filter",
    "Forker",
    "Grouper",
    "IterableWrapper",
    "Mapper",
    "Multiplexer",
    "RoutedDecoder",
    "Sampler",
    "ShardingFilter",
    "Shuffler",
    "StreamReader",
    "UnBatcher",
    "Zipper",
]
