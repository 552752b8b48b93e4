"""A generative adversarial network learns a ring of Gaussians. Source: Goodfellow et al. 2014; spectral norm: Miyato et al. 2018."""

import math

import torch
from _running import options, report
from torch import nn
from torch.nn.utils.parametrizations import spectral_norm


def ring(count):
    """Points (count, 2) near eight places on a circle."""
    angle = torch.randint(0, 8, (count,)) * (2 * math.pi / 8)
    return torch.stack([angle.cos(), angle.sin()], 1) + 0.05 * torch.randn(count, 2)


args = options(__doc__)
generator = nn.Sequential(nn.Linear(4, 32), nn.LeakyReLU(0.2), nn.Linear(32, 2))
critic = nn.Sequential(spectral_norm(nn.Linear(2, 32)), nn.LeakyReLU(0.2), spectral_norm(nn.Linear(32, 1)))
toward_real = torch.optim.Adam(generator.parameters(), lr=1e-3, betas=(0.5, 0.9), eps=1e-6)
toward_truth = torch.optim.Adam(critic.parameters(), lr=1e-3, betas=(0.5, 0.9), eps=1e-6)
judge = nn.BCEWithLogitsLoss()
real, fake = torch.ones(64, 1), torch.zeros(64, 1)

for step in range(args.steps):
    made = generator(torch.randn(64, 4))
    critic_loss = judge(critic(ring(64)), real) + judge(critic(made.detach()), fake)
    toward_truth.zero_grad()
    critic_loss.backward()
    toward_truth.step()

    generator_loss = judge(critic(made), real)
    toward_real.zero_grad()
    generator_loss.backward()
    toward_real.step()
    report(step, critic=critic_loss, generator=generator_loss)

with torch.no_grad():
    radius = generator(torch.randn(500, 4)).norm(dim=1).mean()
report(args.steps, radius=radius)
