"""A multi-layer perceptron learns which arm of a spiral a point lies on."""

import math

import torch
from _running import options, report
from torch import nn


def spirals(count):
    """Points (3 * count, 2) on three arms, and the number of the arm of each (3 * count,)."""
    points, arms = [], []
    for arm in range(3):
        radius = torch.linspace(0.1, 1, count)
        angle = 3 * radius + arm * 2 * math.pi / 3 + 0.1 * torch.randn(count)
        points.append(torch.stack([radius * angle.cos(), radius * angle.sin()], 1))
        arms.append(torch.full((count,), arm))
    return torch.cat(points), torch.cat(arms)


args = options(__doc__)
points, arms = spirals(60)
model = nn.Sequential(
    nn.Linear(2, 32), nn.Tanh(), nn.Linear(32, 32), nn.ReLU(), nn.Dropout(0.1), nn.Linear(32, 3)
)
optimizer = torch.optim.Adam(model.parameters(), lr=0.01)
print(model)

for step in range(args.steps):
    chosen = torch.randperm(len(points))[:64]
    loss = nn.functional.cross_entropy(model(points[chosen]), arms[chosen])
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    report(step, loss=loss)

model.eval()
with torch.no_grad():
    right = (model(points).argmax(1) == arms).sum().item()
print(f"{right} of {len(points)} points on the right arm")
