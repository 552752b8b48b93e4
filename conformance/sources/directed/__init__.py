"""Small programs written by hand, each for one rule of PyTorch that random samples seldom touch.

Every public function of the modules here is a program without arguments. `torch` is a global that stands for the
library it runs under; what the program returns is compared.
"""

from __future__ import annotations
