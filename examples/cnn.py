"""A convolutional network tells horizontal bars from vertical bars and crosses."""

import torch
from _running import options, report
from torch import nn


def pictures(count):
    """Noisy pictures (count, 1, 12, 12) and what each shows: 0 a horizontal bar, 1 a vertical one, 2 both."""
    kinds = torch.randint(0, 3, (count,))
    places = torch.randint(1, 11, (count, 2))
    images = 0.3 * torch.randn(count, 1, 12, 12)
    for image, kind, (row, column) in zip(images, kinds.tolist(), places.tolist()):
        if kind != 1:
            image[0, row] += 1
        if kind != 0:
            image[0, :, column] += 1
    return images, kinds


class Network(nn.Module):
    def __init__(self):
        super().__init__()
        self.features = nn.Sequential(
            nn.Conv2d(1, 8, 3, padding=1),
            nn.BatchNorm2d(8),
            nn.ReLU(),
            nn.MaxPool2d(2),
            nn.Conv2d(8, 16, 3, padding=1),
            nn.BatchNorm2d(16),
            nn.ReLU(),
            nn.AdaptiveAvgPool2d(3),
        )
        self.classify = nn.Linear(16 * 9, 3)

    def forward(self, images):  # (N, 1, 12, 12) -> (N, 3)
        return self.classify(self.features(images).flatten(1))


args = options(__doc__)
images, kinds = pictures(200)
loader = torch.utils.data.DataLoader(
    torch.utils.data.TensorDataset(images, kinds), batch_size=32, shuffle=True
)
model = Network()
optimizer = torch.optim.SGD(model.parameters(), lr=0.05, momentum=0.9, weight_decay=1e-4)
schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, T_max=args.steps)
print(model)

step = 0
while step < args.steps:
    for batch, labels in loader:
        loss = nn.functional.cross_entropy(model(batch), labels)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        schedule.step()
        report(step, loss=loss, rate=schedule.get_last_lr()[0])
        step += 1
        if step == args.steps:
            break

model.eval()
with torch.no_grad():
    right = (model(images).argmax(1) == kinds).sum().item()
print(f"{right} of {len(images)} pictures named rightly")
