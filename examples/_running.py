"""What the examples share: two options, a seed, and how a curve is printed.

Every example is an ordinary PyTorch program that runs with PyTorch and with tinytorch, and prints the same curve with both:

    python -m tinytorch examples/mlp.py
    python examples/mlp.py --steps 20 --dtype float64
"""

import argparse

import torch


def options(text, steps=100):
    """Read the command line, choose the element type and seed the generator."""
    parser = argparse.ArgumentParser(description=text.strip().splitlines()[0])
    parser.add_argument("--steps", type=int, default=steps, help="how many steps to train")
    parser.add_argument("--dtype", choices=("float32", "float64"), default="float32")
    chosen = parser.parse_args()
    torch.set_default_dtype(getattr(torch, chosen.dtype))
    torch.manual_seed(0)
    return chosen


def report(step, **values):
    """One line of the curve."""
    digits = 7 if torch.get_default_dtype() == torch.float32 else 13
    numbers = {name: v.item() if isinstance(v, torch.Tensor) else v for name, v in values.items()}
    shown = "  ".join(f"{name} {number:.{digits}g}" for name, number in numbers.items())
    print(f"step {step:3d}  {shown}")
