"""Kornia: filters, colours, geometry and morphology of images, and the gradient through all of them."""

import kornia
import torch

torch.manual_seed(0)
images = torch.rand(2, 3, 16, 16, requires_grad=True)
results = {
    "blur": kornia.filters.gaussian_blur2d(images, (3, 3), (1.0, 1.0)),
    "sobel": kornia.filters.sobel(images),
    "hsv": kornia.color.rgb_to_hsv(images),
    "lab": kornia.color.rgb_to_lab(images),
    "rotate": kornia.geometry.rotate(images, torch.tensor([30.0, 45.0])),
    "resize": kornia.geometry.resize(images, (8, 8)),
    "equalize": kornia.enhance.equalize(images),
    "structural similarity": kornia.losses.ssim_loss(images, images * 0.9, 5),
    "dilation": kornia.morphology.dilation(images, torch.ones(3, 3)),
}
sum(result.sum() for result in results.values()).backward()
for name, result in results.items():
    print(f"{name}: {result.sum().item():.2f}")
print(f"gradient {images.grad.abs().sum().item():.1f}")
