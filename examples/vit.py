"""A vision transformer counts stripes. Source: Dosovitskiy et al. 2020."""

import torch
from _running import options, report
from torch import nn

SIDE, PATCH, WIDTH = 16, 4, 24


def stripes(count):
    """Pictures (count, 1, SIDE, SIDE) of 1 to 4 waves, and their number minus one."""
    waves = torch.randint(0, 4, (count,))
    phase = 6.28 * torch.rand(count, 1)
    columns = torch.linspace(0, 6.28, SIDE)
    rows = torch.sin((waves[:, None] + 1) * columns + phase)  # (count, SIDE)
    return rows[:, None, None, :] + 0.5 * torch.randn(count, 1, SIDE, SIDE), waves


class ViT(nn.Module):
    def __init__(self):
        super().__init__()
        self.patches = nn.Conv2d(1, WIDTH, PATCH, stride=PATCH)
        self.token = nn.Parameter(torch.zeros(1, 1, WIDTH))
        self.places = nn.Parameter(0.1 * torch.randn(1, (SIDE // PATCH) ** 2 + 1, WIDTH))
        layer = nn.TransformerEncoderLayer(
            WIDTH, 4, 2 * WIDTH, dropout=0.0, activation="gelu", batch_first=True, norm_first=True
        )
        self.encoder = nn.TransformerEncoder(layer, 2, nn.LayerNorm(WIDTH), enable_nested_tensor=False)
        self.classify = nn.Linear(WIDTH, 4)

    def forward(self, images):  # (N, 1, SIDE, SIDE) -> (N, 4)
        x = self.patches(images).flatten(2).transpose(1, 2)  # (N, patches, WIDTH)
        x = torch.cat([self.token.expand(len(x), -1, -1), x], 1) + self.places
        return self.classify(self.encoder(x)[:, 0])


args = options(__doc__)
images, waves = stripes(128)
model = ViT()
optimizer = torch.optim.AdamW(model.parameters(), lr=1e-3, eps=1e-6, weight_decay=0.05)
schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, max_lr=2e-3, total_steps=max(args.steps, 2))

for step in range(args.steps):
    chosen = torch.randperm(len(images))[:32]
    loss = nn.functional.cross_entropy(model(images[chosen]), waves[chosen])
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    report(step, loss=loss, rate=schedule.get_last_lr()[0])
    if step + 1 < args.steps:
        schedule.step()

model.eval()
with torch.no_grad():
    right = (model(images).argmax(1) == waves).sum().item()
print(f"{right} of {len(images)} counted rightly")
