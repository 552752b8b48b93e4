"""A neural ordinary differential equation learns a damped pendulum from its path. Source: Chen et al. 2018."""

import itertools

import torch
from _running import options, report
from torch import nn


def solve(rate, start, times):
    """The path (T, N, 2) from `start` (N, 2) by Runge-Kutta steps of fourth order."""
    path = [start]
    for before, after in itertools.pairwise(times):
        h, x = after - before, path[-1]
        a = rate(x)
        b = rate(x + h / 2 * a)
        c = rate(x + h / 2 * b)
        d = rate(x + h * c)
        path.append(x + h / 6 * (a + 2 * b + 2 * c + d))
    return torch.stack(path)


def pendulum(x):
    angle, speed = x.unbind(-1)
    return torch.stack([speed, -angle.sin() - 0.2 * speed], -1)


class Adjoint(torch.autograd.Function):
    """The path's end by Euler steps without keeping the path: the way back solves the equation backwards."""

    @staticmethod
    def forward(ctx, start, count, model, *parameters):
        with torch.no_grad():
            x = start
            for _ in range(count):
                x = x + model(x) / count
        ctx.save_for_backward(x)
        ctx.count, ctx.model = count, model
        return x

    @staticmethod
    def backward(ctx, grad):
        (x,) = ctx.saved_tensors
        parameters = list(ctx.model.parameters())
        totals = [torch.zeros_like(parameter) for parameter in parameters]
        for _ in range(ctx.count):
            with torch.enable_grad():
                here = x.detach().requires_grad_()
                velocity = ctx.model(here)
            toward_x, *toward = torch.autograd.grad(velocity, [here, *parameters], grad)
            x = x - velocity.detach() / ctx.count
            grad = grad + toward_x / ctx.count
            totals = [total + part / ctx.count for total, part in zip(totals, toward)]
        return (grad, None, None, *totals)


args = options(__doc__)
times = torch.linspace(0, 3, 13)
starts = torch.randn(16, 2)
path = solve(pendulum, starts, times)
model = nn.Sequential(nn.Linear(2, 24), nn.Tanh(), nn.Linear(24, 2))
optimizer = torch.optim.NAdam(model.parameters(), lr=5e-3)

for step in range(args.steps):
    loss = (solve(model, starts, times) - path).pow(2).mean()
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    report(step, loss=loss)

end = Adjoint.apply(starts, 20, model, *model.parameters())
report(args.steps, error=(end - path[4]).pow(2).mean())
end.sum().backward()
