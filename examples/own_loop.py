"""CARV in a score-distillation loop of your own: plain torch and diffusers; of carv3d only the estimator, carv3d.carv.

    python own_loop.py 60 32        # steps of the loop; gradients that each variance is measured from

The loop optimises one image, the cheapest scene there is. Lines that CARV changes are marked. At the end the variance
of the image's gradient (summed over its numbers) is printed before and after, at the same image, +- one standard error.
"""

import sys
from pathlib import Path

import torch
from diffusers import AutoencoderKL, DDPMScheduler, UNet2DConditionModel
from PIL import Image
from transformers import CLIPTextModel, CLIPTokenizer

from carv3d import cameras, carv, lights  # carv3d: carv; it imports torch only
from carv3d.diffusion.view_vector import load, view_vector

steps, replicates = map(int, sys.argv[1:] or (60, 32))
guidance, low, high, prompt = 2.0, 20, 500, "a red mushroom, front view"
K = 8  # carv3d: draws of each encoded image
folder = Path(carv.__file__).parents[1] / "bundled"  # or any folder in the Stable Diffusion format
tokenizer = CLIPTokenizer.from_pretrained(folder / "tokenizer")
words = tokenizer(["", prompt], padding="max_length", max_length=tokenizer.model_max_length, return_tensors="pt")
text = CLIPTextModel.from_pretrained(folder / "text_encoder", dtype=torch.float32)(words.input_ids)[0].detach()
unet = UNet2DConditionModel.from_pretrained(folder / "unet", torch_dtype=torch.float32).requires_grad_(False)
vae = AutoencoderKL.from_pretrained(folder / "vae", torch_dtype=torch.float32).requires_grad_(False)
front = view_vector(cameras.orbit([0.0], 15, 2.65, 40, 64, 64), torch.full((1, 3), 0.5), lights.fixed(1, 1.0))
view = load(folder, unet.time_embedding.linear_2.out_features)  # the bundled model is told of views; others have none
unet.time_embedding.register_forward_hook(lambda module, given, out: out + view(front) if view else None)
alpha_bar = (scheduler := DDPMScheduler.from_pretrained(folder / "scheduler")).alphas_cumprod  # [T]
generator = torch.Generator().manual_seed(0)
image = torch.randn(1, 3, 64, 64, generator=generator).mul(0.1).requires_grad_()
optimizer = torch.optim.Adam([image], lr=0.05)
sampler = carv.Sampler(K, importance="adaptive", base=1 - alpha_bar)  # carv3d: once
target = carv.uniform_target(len(alpha_bar), low, high)  # carv3d: p(t), instead of randint's bounds


def encode():  # the scene, rendered and encoded
    return vae.encode(2 * image.sigmoid() - 1).latent_dist.mean * vae.config.scaling_factor  # [1,4,16,16]


@torch.no_grad()
def residual(latents, t, noise):
    """w(t) (eps_hat - eps) for n noisings of the latents, w = sigma^2; every loop of this kind has it."""
    noisy = scheduler.add_noise(latents.expand_as(noise), noise, t)
    rows = noisy.repeat(2, 1, 1, 1), t.repeat(2), text.repeat_interleave(len(t), 0)
    guided = torch.lerp(*unet(*rows).sample.chunk(2), guidance)  # empty + guidance (cond - empty)
    alpha, sigma = (x.sqrt().view(-1, 1, 1, 1) for x in (alpha_bar[t], 1 - alpha_bar[t]))
    is_v = scheduler.config.prediction_type == "v_prediction"
    return sigma**2 * ((alpha * guided + sigma * noisy if is_v else guided) - noise)


def plain(latents, count=1):
    t = torch.randint(low, high + 1, (count,), generator=generator)
    return residual(latents, t, torch.randn(count, *latents.shape[1:], generator=generator)).mean(0, keepdim=True)


def with_carv(latents, learn=True):
    draws = sampler.draw(1, latents.shape[1:], target, time_generator=generator, noise_generator=generator)  # carv3d
    estimate = carv.estimate(lambda item, t, noise: residual(latents[item], t, noise), draws)  # carv3d: weighted mean
    if learn:  # carv3d: for the steps to come; this one stays unbiased
        sampler.observe(draws.timestep, estimate.squared_norm)
    return estimate.mean


for step in range(steps):
    optimizer.zero_grad()
    latents = encode()
    latents.backward(with_carv(latents.detach()))  # carv3d: it was plain(latents.detach())
    optimizer.step()
Image.fromarray((255 * image.detach().sigmoid()[0].permute(1, 2, 0)).byte().numpy()).save("own_loop.png")
latents = encode()
for name, cotangent in (("plain, 1 draw", plain), (f"plain, {K} draws", lambda latents: plain(latents, K)),
                        (f"carv, {K} draws", lambda latents: with_carv(latents, learn=False))):
    found = torch.stack([torch.autograd.grad(latents, image, cotangent(latents.detach()), retain_graph=True)[0]
                         for _ in range(replicates)])
    apart = (found - found.mean(0)).square().flatten(1).sum(1) * replicates / (replicates - 1)
    print(f"{name}: variance {apart.mean():.3e} +- {apart.std() / replicates**0.5:.1e}")
