"""A U-Net separates discs from noise, pixel by pixel. Source: Ronneberger, Fischer and Brox 2015."""

import torch
from _running import options, report
from torch import nn
from torch.nn import functional as F


def double(before, after):
    return nn.Sequential(
        nn.Conv2d(before, after, 3, padding=1),
        nn.GroupNorm(4, after),
        nn.SiLU(),
        nn.Conv2d(after, after, 3, padding=1),
        nn.GroupNorm(4, after),
        nn.SiLU(),
    )


class UNet(nn.Module):
    def __init__(self):
        super().__init__()
        self.down = nn.ModuleList([double(1, 8), double(8, 16)])
        self.bottom = double(16, 16)
        self.up = nn.ModuleList(
            [nn.ConvTranspose2d(16, 16, 2, stride=2), nn.ConvTranspose2d(16, 8, 2, stride=2)]
        )
        self.join = nn.ModuleList([double(32, 16), double(16, 8)])
        self.last = nn.Conv2d(8, 1, 1)

    def forward(self, x):  # (N, 1, 16, 16) -> (N, 1, 16, 16)
        skipped = []
        for layer in self.down:
            x = layer(x)
            skipped.append(x)
            x = F.max_pool2d(x, 2)
        x = self.bottom(x)
        for up, join, skip in zip(self.up, self.join, reversed(skipped)):
            x = join(torch.cat([up(x), skip], 1))
        return self.last(x)


def discs(count):
    """Noisy pictures and masks, both (count, 1, 16, 16)."""
    rows, columns = torch.meshgrid(torch.arange(16.0), torch.arange(16.0), indexing="ij")
    centres, radii = 3 + 10 * torch.rand(count, 2, 1, 1), 2 + 3 * torch.rand(count, 1, 1)
    distance = (rows - centres[:, 0]).pow(2) + (columns - centres[:, 1]).pow(2)
    masks = (distance < radii.pow(2)).to(radii.dtype).unsqueeze(1)
    return masks + 0.4 * torch.randn(count, 1, 16, 16), masks


def dice(logits, masks):
    """1 minus the overlap of prediction and mask."""
    odds = logits.sigmoid().flatten(1)
    overlap = (odds * masks.flatten(1)).sum(1)
    return 1 - (2 * overlap + 1).div(odds.sum(1) + masks.flatten(1).sum(1) + 1).mean()


args = options(__doc__)
images, masks = discs(48)
model = UNet()
optimizer = torch.optim.SGD(model.parameters(), lr=0.05, momentum=0.5)

for step in range(args.steps):
    chosen = torch.randperm(len(images))[:12]
    logits = model(images[chosen])
    loss = F.binary_cross_entropy_with_logits(logits, masks[chosen]) + dice(logits, masks[chosen])
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    report(step, loss=loss)

with torch.no_grad():
    right = ((model(images) > 0) == (masks > 0.5)).double().mean().item()
print(f"{right:.1%} of the pixels")
