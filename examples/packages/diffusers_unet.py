"""Diffusers: a tiny denoising network's loss and gradients, three steps of sampling, and an autoencoder."""

import torch
from diffusers import AutoencoderKL, DDPMScheduler, UNet2DModel

torch.manual_seed(0)
network = UNet2DModel(
    sample_size=8,
    in_channels=3,
    out_channels=3,
    layers_per_block=1,
    block_out_channels=(8, 16),
    norm_num_groups=4,
    down_block_types=("DownBlock2D", "AttnDownBlock2D"),
    up_block_types=("AttnUpBlock2D", "UpBlock2D"),
    attention_head_dim=4,
)
images = torch.randn(2, 3, 8, 8)
noise = torch.randn_like(images)
steps = torch.tensor([3, 20])
scheduler = DDPMScheduler(50)
loss = (network(scheduler.add_noise(images, noise, steps), steps).sample - noise).pow(2).mean()
loss.backward()
slope = sum(parameter.grad.abs().sum().item() for parameter in network.parameters())
print(f"loss {loss.item():.4f}, gradients {slope:.2f}")
scheduler.set_timesteps(3)
sample = torch.randn(1, 3, 8, 8)
with torch.no_grad():
    for step in scheduler.timesteps:
        sample = scheduler.step(network(sample, step).sample, step, sample).prev_sample
print(f"sample {sample.abs().sum().item():.3f}")
autoencoder = AutoencoderKL(block_out_channels=(8,), norm_num_groups=4, layers_per_block=1)
print(f"autoencoder {autoencoder(images).sample.abs().sum().item():.3f}")
