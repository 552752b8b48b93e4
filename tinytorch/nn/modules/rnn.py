"""Recurrent networks: RNN, LSTM, GRU and their cells."""

from __future__ import annotations

import math
import numbers
import warnings
import weakref
from typing import Any

import tinytorch as torch

from .. import init
from .._functional.published import ops
from ..parameter import Parameter
from ..utils.rnn import PackedSequence
from ._recurrent_cells import GRUCell, LSTMCell, RNNCell, RNNCellBase
from .module import Module

__all__ = ["RNNBase", "RNN", "LSTM", "GRU", "RNNCellBase", "RNNCell", "LSTMCell", "GRUCell"]

_GATES = {"LSTM": 4, "GRU": 3, "RNN_TANH": 1, "RNN_RELU": 1}


def apply_permutation(tensor: Any, permutation: Any, dim: int = 1) -> Any:
    """The slices of `tensor` along `dim` in another order."""
    warnings.warn(
        "`apply_permutation` is deprecated, please use `tensor.index_select(dim, permutation)` instead",
        FutureWarning,
        stacklevel=2,
    )
    return tensor.index_select(dim, permutation)


class RNNBase(Module):
    """What the recurrent networks share: checks, weights per layer and direction, and running them."""

    __constants__ = [
        "mode",
        "input_size",
        "hidden_size",
        "num_layers",
        "bias",
        "batch_first",
        "dropout",
        "bidirectional",
        "proj_size",
    ]

    def __init__(
        self,
        mode: str,
        input_size: int,
        hidden_size: int,
        num_layers: int = 1,
        bias: bool = True,
        batch_first: bool = False,
        dropout: float = 0.0,
        bidirectional: bool = False,
        proj_size: int = 0,
        device: Any = None,
        dtype: Any = None,
    ) -> None:
        where = {"device": device, "dtype": dtype}
        super().__init__()
        self.mode = mode
        self.input_size = input_size
        self.hidden_size = hidden_size
        self.num_layers = num_layers
        self.bias = bias
        self.batch_first = batch_first
        self.dropout = float(dropout)
        self.bidirectional = bidirectional
        self.proj_size = proj_size
        self._flat_weight_refs: list[Any] = []
        self._check_arguments(dropout)
        directions = 2 if bidirectional else 1
        gates = _GATES[mode] * hidden_size
        self._flat_weights_names: list[str] = []
        self._all_weights: list[list[str]] = []
        for layer in range(num_layers):
            for direction in range(directions):
                seen = proj_size if proj_size > 0 else hidden_size
                width = input_size if layer == 0 else seen * directions
                values = [
                    Parameter(torch.empty((gates, width), **where)),
                    Parameter(torch.empty((gates, seen), **where)),
                ]
                names = ["weight_ih_l{}{}", "weight_hh_l{}{}"]
                if bias:
                    values += [Parameter(torch.empty(gates, **where)), Parameter(torch.empty(gates, **where))]
                    names += ["bias_ih_l{}{}", "bias_hh_l{}{}"]
                if proj_size > 0:
                    values.append(Parameter(torch.empty((proj_size, hidden_size), **where)))
                    names.append("weight_hr_l{}{}")
                names = [name.format(layer, "_reverse" if direction == 1 else "") for name in names]
                for name, value in zip(names, values, strict=True):
                    setattr(self, name, value)
                self._flat_weights_names.extend(names)
                self._all_weights.append(names)
        self._init_flat_weights()
        self.reset_parameters()

    def _check_arguments(self, dropout: Any) -> None:
        if not isinstance(dropout, numbers.Number) or not 0 <= dropout <= 1 or isinstance(dropout, bool):  # type: ignore[operator]
            raise ValueError(
                "dropout should be a number in range [0, 1] representing the probability of an element being zeroed"
            )
        if dropout > 0 and self.num_layers == 1:  # type: ignore[operator]
            warnings.warn(
                "dropout option adds dropout after all but last recurrent layer, so non-zero dropout expects num_layers greater than "
                f"1, but got dropout={dropout} and num_layers={self.num_layers}",
                stacklevel=3,
            )
        for name, kind in (("bias", bool), ("batch_first", bool), ("input_size", int), ("hidden_size", int)):
            value = getattr(self, name)
            if not isinstance(value, kind):
                raise TypeError(f"{name} should be of type {kind.__name__}, got: {type(value).__name__}")
            if kind is int and value <= 0:
                raise ValueError(f"{name} must be greater than zero")
        if self.num_layers <= 0:
            raise ValueError("num_layers must be greater than zero")
        if self.proj_size < 0:
            raise ValueError("proj_size should be a positive integer or zero to disable projections")
        if self.proj_size >= self.hidden_size:
            raise ValueError("proj_size has to be smaller than hidden_size")
        if self.mode not in _GATES:
            raise ValueError("Unrecognized RNN mode: " + self.mode)

    # Weights -------------------------------------------------------------------------------------------------------------

    def _init_flat_weights(self) -> None:
        self._flat_weights = [getattr(self, name, None) for name in self._flat_weights_names]
        self._flat_weight_refs = [weakref.ref(w) if w is not None else None for w in self._flat_weights]
        self.flatten_parameters()

    def __setattr__(self, attr: str, value: Any) -> None:
        if "_flat_weights_names" in self.__dict__ and attr in self._flat_weights_names:
            flat = self.__dict__.get("_flat_weights")
            if flat is not None and len(flat) == len(self._flat_weights_names):
                flat[self._flat_weights_names.index(attr)] = value
        super().__setattr__(attr, value)

    def flatten_parameters(self) -> None:
        """Nothing to do: the weights need not lie in one piece of memory."""

    def _apply(self, fn: Any, recurse: bool = True) -> Any:
        self._flat_weight_refs = []
        result = super()._apply(fn, recurse)
        self._init_flat_weights()
        return result

    def __getstate__(self) -> dict[str, Any]:
        state = self.__dict__.copy()
        state.pop("_flat_weight_refs", None)
        return state

    def __setstate__(self, d: dict[str, Any]) -> None:
        super().__setstate__(d)
        if "all_weights" in d:
            self._all_weights = d["all_weights"]
        self.__dict__.setdefault("proj_size", 0)
        self._init_flat_weights()

    @property
    def all_weights(self) -> list[list[Any]]:
        """The parameters of each layer and direction."""
        return [[getattr(self, name) for name in names] for names in self._all_weights]

    def reset_parameters(self) -> None:
        """Draw new values: uniform in ±1/√hidden_size."""
        bound = 1.0 / math.sqrt(self.hidden_size) if self.hidden_size > 0 else 0
        for weight in self.parameters():
            init.uniform_(weight, -bound, bound)

    # Checks --------------------------------------------------------------------------------------------------------------

    def check_input(self, input: Any, batch_sizes: Any) -> None:
        """Raises ValueError or RuntimeError for an input of the wrong type or shape."""
        first = self._flat_weights[0]
        if input.dtype != first.dtype:
            raise ValueError(
                f"RNN input dtype ({input.dtype}) does not match weight dtype ({first.dtype}). Convert input: "
                f"input.to({first.dtype}), or convert model: model.to({input.dtype})"
            )
        expected = 2 if batch_sizes is not None else 3
        if input.dim() != expected:
            raise RuntimeError(f"input must have {expected} dimensions, got {input.dim()}")
        if self.input_size != input.size(-1):
            raise RuntimeError(
                f"input.size(-1) must be equal to input_size. Expected {self.input_size}, got {input.size(-1)}"
            )

    def _hidden_size(self, input: Any, batch_sizes: Any, width: int) -> tuple[int, int, int]:
        if batch_sizes is not None:
            batch = int(batch_sizes[0])
        else:
            batch = input.size(0) if self.batch_first else input.size(1)
        return (self.num_layers * (2 if self.bidirectional else 1), batch, width)

    def get_expected_hidden_size(self, input: Any, batch_sizes: Any) -> tuple[int, int, int]:
        """(layers times directions, batch, width of the hidden state)."""
        return self._hidden_size(
            input, batch_sizes, self.proj_size if self.proj_size > 0 else self.hidden_size
        )

    def check_hidden_size(
        self, hx: Any, expected_hidden_size: Any, msg: str = "Expected hidden size {}, got {}"
    ) -> None:
        """Raises RuntimeError for a hidden state of the wrong shape."""
        if tuple(hx.size()) != tuple(expected_hidden_size):
            raise RuntimeError(msg.format(expected_hidden_size, list(hx.size())))

    def check_forward_args(self, input: Any, hidden: Any, batch_sizes: Any) -> None:
        self.check_input(input, batch_sizes)
        self.check_hidden_size(hidden, self.get_expected_hidden_size(input, batch_sizes))

    def permute_hidden(self, hx: Any, permutation: Any) -> Any:
        """The hidden state with its sequences in another order."""
        return hx if permutation is None else hx.index_select(1, permutation)

    def extra_repr(self) -> str:
        text = f"{self.input_size}, {self.hidden_size}"
        if self.proj_size != 0:
            text += f", proj_size={self.proj_size}"
        if self.num_layers != 1:
            text += f", num_layers={self.num_layers}"
        if self.bias is not True:
            text += f", bias={self.bias}"
        if self.batch_first is not False:
            text += f", batch_first={self.batch_first}"
        if self.dropout != 0:
            text += f", dropout={self.dropout}"
        if self.bidirectional is not False:
            text += f", bidirectional={self.bidirectional}"
        return text

    # Running -------------------------------------------------------------------------------------------------------------

    def _unpack(self, input: Any) -> tuple[Any, Any, Any, Any, bool]:
        """Data, batch sizes, sorted and unsorted indices, and whether the input had a batch dimension."""
        if isinstance(input, PackedSequence):
            return (*input, True)
        if input.dim() not in (2, 3):
            word = "D instead" if self.mode != "RNN_TANH" and self.mode != "RNN_RELU" else "D tensor instead"
            raise ValueError(f"{type(self).__name__}: Expected input to be 2D or 3D, got {input.dim()}{word}")
        batched = input.dim() == 3
        return (
            (input if batched else input.unsqueeze(0 if self.batch_first else 1)),
            None,
            None,
            None,
            batched,
        )

    def _run(self, input: Any, batch_sizes: Any, state: Any) -> tuple[Any, Any]:
        run = getattr(ops, self.mode.lower())
        params = [getattr(self, name) for names in self._all_weights for name in names]
        settings = (self.bias, self.num_layers, self.dropout, self.training, self.bidirectional)
        if batch_sizes is None:
            output, *final = run(input, state, params, *settings, self.batch_first)
        else:
            output, *final = run(input, batch_sizes, state, params, *settings)
        return output, tuple(final) if self.mode == "LSTM" else final[0]


class _OneState(RNNBase):
    """Networks whose state is one tensor."""

    def forward(self, input: Any, hx: Any = None) -> tuple[Any, Any]:
        """input (T, B, I), or batch first, unbatched or packed; hx (layers, B, H). Returns the output and the last hidden state."""
        data, batch_sizes, sorted_indices, unsorted_indices, batched = self._unpack(input)
        if hx is None:
            shape = self.get_expected_hidden_size(data, batch_sizes)
            hx = torch.zeros(*shape, dtype=data.dtype, device=data.device)
        else:
            if batch_sizes is None and hx.dim() != (3 if batched else 2):
                kind, rank = ("batched 3-D", 3) if batched else ("unbatched 2-D", 2)
                raise RuntimeError(
                    f"For {kind} input, hx should also be {rank}-D but got {hx.dim()}-D tensor"
                )
            hx = hx if batched else hx.unsqueeze(1)
            hx = self.permute_hidden(hx, sorted_indices)
        self.check_forward_args(data, hx, batch_sizes)
        output, hidden = self._run(data, batch_sizes, hx)
        if batch_sizes is not None:
            packed = PackedSequence(output, batch_sizes, sorted_indices, unsorted_indices)
            return packed, self.permute_hidden(hidden, unsorted_indices)
        if not batched:
            return output.squeeze(0 if self.batch_first else 1), hidden.squeeze(1)
        return output, hidden


class RNN(_OneState):
    """Layers of h' = tanh(W x + b + U h + c), or relu. Source: torch's documentation, torch.nn.RNN."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        if "proj_size" in kwargs:
            raise ValueError("proj_size argument is only supported for LSTM, not RNN or GRU")
        if len(args) > 3:
            self.nonlinearity = args[3]
            args = args[:3] + args[4:]
        else:
            self.nonlinearity = kwargs.pop("nonlinearity", "tanh")
        modes = {"tanh": "RNN_TANH", "relu": "RNN_RELU"}
        if self.nonlinearity not in modes:
            raise ValueError(f"Unknown nonlinearity '{self.nonlinearity}'. Select from 'tanh' or 'relu'.")
        super().__init__(modes[self.nonlinearity], *args, **kwargs)


class GRU(_OneState):
    """Layers of gated recurrent units. Source: torch's documentation, torch.nn.GRU."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        if "proj_size" in kwargs:
            raise ValueError("proj_size argument is only supported for LSTM, not RNN or GRU")
        super().__init__("GRU", *args, **kwargs)


class LSTM(RNNBase):
    """Layers of long short-term memory. Source: torch's documentation, torch.nn.LSTM."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__("LSTM", *args, **kwargs)

    def get_expected_cell_size(self, input: Any, batch_sizes: Any) -> tuple[int, int, int]:
        """(layers times directions, batch, hidden_size)."""
        return self._hidden_size(input, batch_sizes, self.hidden_size)

    def check_forward_args(self, input: Any, hidden: Any, batch_sizes: Any) -> None:
        self.check_input(input, batch_sizes)
        self.check_hidden_size(
            hidden[0], self.get_expected_hidden_size(input, batch_sizes), "Expected hidden[0] size {}, got {}"
        )
        self.check_hidden_size(
            hidden[1], self.get_expected_cell_size(input, batch_sizes), "Expected hidden[1] size {}, got {}"
        )

    def permute_hidden(self, hx: Any, permutation: Any) -> Any:
        if permutation is None:
            return hx
        return hx[0].index_select(1, permutation), hx[1].index_select(1, permutation)

    def forward(self, input: Any, hx: Any = None) -> tuple[Any, Any]:
        """input (T, B, I), or batch first, unbatched or packed; hx: hidden (layers, B, P) and cell (layers, B, H)."""
        data, batch_sizes, sorted_indices, unsorted_indices, batched = self._unpack(input)
        if hx is None:
            shapes = (
                self.get_expected_hidden_size(data, batch_sizes),
                self.get_expected_cell_size(data, batch_sizes),
            )
            hx = tuple(torch.zeros(*shape, dtype=data.dtype, device=data.device) for shape in shapes)
            self.check_forward_args(data, hx, batch_sizes)
        else:
            if batch_sizes is not None:  # torch looks at the sizes of neither
                hx = self.permute_hidden(hx, sorted_indices)
            elif hx[0].dim() != (3 if batched else 2) or hx[1].dim() != (3 if batched else 2):
                kind, rank = ("batched 3-D", 3) if batched else ("unbatched 2-D", 2)
                raise RuntimeError(
                    f"For {kind} input, hx and cx should also be {rank}-D but got ({hx[0].dim()}-D, {hx[1].dim()}-D) tensors"
                )
            elif not batched:
                hx = (hx[0].unsqueeze(1), hx[1].unsqueeze(1))
            if batch_sizes is None:
                self.check_forward_args(data, hx, batch_sizes)
        output, state = self._run(data, batch_sizes, hx)
        if batch_sizes is not None:
            packed = PackedSequence(output, batch_sizes, sorted_indices, unsorted_indices)
            return packed, self.permute_hidden(state, unsorted_indices)
        if not batched:
            return output.squeeze(0 if self.batch_first else 1), (state[0].squeeze(1), state[1].squeeze(1))
        return output, state


for _cell in (RNNCellBase, RNNCell, LSTMCell, GRUCell):
    _cell.__module__ = __name__
