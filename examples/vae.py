"""A variational autoencoder learns pictures of boxes. Source: Kingma and Welling 2013."""

import torch
from _running import options, report
from torch import nn
from torch.nn import functional as F

SIDE, LATENT = 8, 3


def boxes(count):
    """Pictures (count, SIDE * SIDE) of one filled box each."""
    images = torch.zeros(count, SIDE, SIDE)
    corners = torch.randint(0, SIDE - 2, (count, 2))
    sizes = torch.randint(2, 5, (count, 2))
    for image, (top, left), (height, width) in zip(images, corners.tolist(), sizes.tolist()):
        image[top : top + height, left : left + width] = 1
    return images.flatten(1)


class VAE(nn.Module):
    def __init__(self):
        super().__init__()
        self.encode = nn.Sequential(nn.Linear(SIDE * SIDE, 48), nn.SiLU(), nn.Linear(48, 2 * LATENT))
        self.decode = nn.Sequential(nn.Linear(LATENT, 48), nn.SiLU(), nn.Linear(48, SIDE * SIDE))

    def forward(self, images):
        mean, log_variance = self.encode(images).chunk(2, -1)  # each (N, LATENT)
        latent = mean + (0.5 * log_variance).exp() * torch.randn_like(mean)
        return self.decode(latent), mean, log_variance


args = options(__doc__)
images = boxes(256)
model = VAE()
optimizer = torch.optim.Adam(model.parameters(), lr=3e-3)

for step in range(args.steps):
    batch = images[torch.randperm(len(images))[:64]]
    logits, mean, log_variance = model(batch)
    reconstruction = F.binary_cross_entropy_with_logits(logits, batch, reduction="sum") / len(batch)
    divergence = -0.5 * (1 + log_variance - mean.pow(2) - log_variance.exp()).sum() / len(batch)
    loss = reconstruction + divergence
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    report(step, loss=loss, divergence=divergence)

with torch.no_grad():
    dreamt = model.decode(torch.randn(2, LATENT)).sigmoid().view(2, SIDE, SIDE)
for image in dreamt:
    print("\n".join("".join(" .:#"[min(int(value * 4), 3)] for value in row) for row in image.tolist()))
    print("-" * SIDE)
