"""A residual network tells in which quarter of a picture the brightest blob is. Source: He et al. 2015."""

import torch
from _running import options, report
from torch import nn
from torch.nn import functional as F


class Residual(nn.Module):
    def __init__(self, before, after, stride=1):
        super().__init__()
        self.first = nn.Conv2d(before, after, 3, stride, padding=1, bias=False)
        self.second = nn.Conv2d(after, after, 3, padding=1, bias=False)
        self.norms = nn.ModuleList([nn.BatchNorm2d(after), nn.BatchNorm2d(after)])
        self.shortcut = nn.Identity()
        if stride != 1 or before != after:
            self.shortcut = nn.Sequential(
                nn.Conv2d(before, after, 1, stride, bias=False), nn.BatchNorm2d(after)
            )

    def forward(self, x):
        y = F.relu(self.norms[0](self.first(x)), inplace=True)
        return F.relu(self.norms[1](self.second(y)) + self.shortcut(x), inplace=True)


class ResNet(nn.Module):
    def __init__(self):
        super().__init__()
        self.stem = nn.Sequential(
            nn.Conv2d(3, 8, 3, padding=1, bias=False), nn.BatchNorm2d(8), nn.ReLU(inplace=True)
        )
        self.stages = nn.Sequential(Residual(8, 8), Residual(8, 16, 2), Residual(16, 24, 2))
        self.classify = nn.Linear(24, 4)
        for module in self.modules():
            if isinstance(module, nn.Conv2d):
                nn.init.kaiming_normal_(module.weight, mode="fan_out", nonlinearity="relu")

    def forward(self, x):  # (N, 3, 16, 16) -> (N, 4)
        return self.classify(F.adaptive_avg_pool2d(self.stages(self.stem(x)), 1).flatten(1))


def blobs(count):
    """Pictures (count, 3, 16, 16) and the quarter (count,) that holds the blob."""
    images = 0.5 * torch.randn(count, 3, 16, 16)
    quarters = torch.randint(0, 4, (count,))
    offsets = torch.randint(1, 5, (count, 2))
    for image, quarter, (row, column) in zip(images, quarters.tolist(), offsets.tolist()):
        row, column = row + 8 * (quarter // 2), column + 8 * (quarter % 2)
        image[:, row : row + 3, column : column + 3] += 1.5
    return images, quarters


args = options(__doc__)
images, quarters = blobs(128)
model = ResNet()
optimizer = torch.optim.SGD(model.parameters(), lr=0.02, momentum=0.9, nesterov=True, weight_decay=5e-4)
warm = torch.optim.lr_scheduler.LinearLR(optimizer, start_factor=0.1, total_iters=10)
print(sum(parameter.numel() for parameter in model.parameters()), "parameters")

for step in range(args.steps):
    chosen = torch.randperm(len(images))[:32]
    loss = F.cross_entropy(model(images[chosen]), quarters[chosen], label_smoothing=0.1)
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    warm.step()
    report(step, loss=loss)

model.eval()
with torch.no_grad():
    right = (model(images).argmax(1) == quarters).sum().item()
print(f"{right} of {len(images)} quarters found")
