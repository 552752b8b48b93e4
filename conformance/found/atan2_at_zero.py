# The derivative of atan2 where both arguments are zero is zero, not NaN.
import torch

x = torch.tensor([0.0, 0.0, 1.0, -1.0], requires_grad=True)
y = torch.tensor([0.0, 1.0, 0.0, 0.0], requires_grad=True)
out = torch.atan2(x, y)
print(out.detach(), torch.autograd.grad(out.sum(), [x, y]))
