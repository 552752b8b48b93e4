# Sums in bfloat16 are rounded once, at the end.
import torch

x = (torch.arange(64) * 7 % 31 - 15).to(torch.bfloat16) / 16
print(x.sum(), x.mean(), x.reshape(8, 8).sum(0), repr(x.sum()))
