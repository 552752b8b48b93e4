"""All modules of torch.nn."""

from __future__ import annotations

from .activation import *  # noqa: F403
from .adaptive import AdaptiveLogSoftmaxWithLoss
from .batchnorm import *  # noqa: F403
from .channelshuffle import ChannelShuffle
from .container import Container, ModuleDict, ModuleList, ParameterDict, ParameterList, Sequential
from .conv import *  # noqa: F403
from .distance import CosineSimilarity, PairwiseDistance
from .dropout import *  # noqa: F403
from .flatten import Flatten, Unflatten
from .fold import Fold, Unfold
from .instancenorm import *  # noqa: F403
from .linear import Bilinear, Identity, LazyLinear, Linear
from .loss import *  # noqa: F403
from .module import Module
from .normalization import CrossMapLRN2d, GroupNorm, LayerNorm, LocalResponseNorm, RMSNorm
from .padding import *  # noqa: F403
from .pixelshuffle import PixelShuffle, PixelUnshuffle
from .pooling import *  # noqa: F403
from .rnn import GRU, LSTM, RNN, GRUCell, LSTMCell, RNNBase, RNNCell, RNNCellBase
from .sparse import Embedding, EmbeddingBag
from .transformer import (
    Transformer,
    TransformerDecoder,
    TransformerDecoderLayer,
    TransformerEncoder,
    TransformerEncoderLayer,
)
from .upsampling import Upsample, UpsamplingBilinear2d, UpsamplingNearest2d

__all__ = sorted(
    name for name, value in globals().items() if isinstance(value, type) and issubclass(value, Module)
)
