#!/usr/bin/env python3
"""Makes the golden values of the engine's tests, crates/engine/tests/golden, with PyTorch.

Usage: pip install -r tools/requirements.txt
       python tools/make_golden.py [--only content.png,losses.json,…] [--threads 2]

  content.png, style.png   the pictures of the runs below: 240x160 and 192x144, opaque RGB
  seeded.json              numbers of the seeded networks (tools/seeded.py), to check another generator of them
  losses.json              progress entries of short runs, one stage or two
  losses_long.json         those of 100 epochs
  gradient_*.safetensors   losses and gradients of an objective on a narrow network
                           (masked: of the style alone, in two regions)
  autocast.json            how far PyTorch's bfloat16 is from the exact gradient, on whole networks
  pooling.safetensors      all poolings and their gradients, on odd sizes and with ties
  resize.safetensors       Pillow's BILINEAR on floats, to a smaller, a larger and the same size

Run again, it makes the same bytes on the same machine; on another the last digits may differ. losses_long.json takes
some five minutes, all else one.
"""
import argparse
import json
import re
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from PIL import Image
from safetensors.torch import load_file, save_file

from reference import (LOSS_WEIGHTS, STYLE_LAYERS, Network, Objective, Stage, Style, average_pool, l2_pool, normalise,
                       open_rgb, resize, stylise)
from seeded import seeded_weights, splitmix64, uniform

ROOT = Path(__file__).parent.parent
GOLDEN = ROOT / "crates" / "engine" / "tests" / "golden"
SEED = 19
NARROW_SEED, NARROWNESS = 7, 16
LEARNING_RATES = {"published": 0.01, "relative": 0.08}
BACKBONES = {
    "vgg16": lambda: {name: tensor.float() for name, tensor in load_file(ROOT / "assets" / "vgg16.safetensors").items()},
    "vgg19-seeded": lambda: seeded_weights("vgg19", SEED),
}


def write_json(name, value):
    # The innermost lists and objects each on a line of its own, not a line for every number.
    innermost = re.compile(r"[\[{][^\[\]{}]*[\]}]")
    text = innermost.sub(lambda match: re.sub(r"\s+", " ", match[0]), json.dumps(value, indent=1))
    (GOLDEN / name).write_text(text + "\n")


def write_tensors(name, tensors):
    save_file({key: tensor.detach().contiguous() for key, tensor in tensors.items()}, GOLDEN / name)


def small_picture(sample, size):
    with Image.open(ROOT / "assets" / "samples" / sample) as picture:
        return picture.convert("RGB").resize(size, Image.Resampling.LANCZOS)


def make_content(name):
    small_picture("chelsea.png", (240, 160)).save(GOLDEN / name, optimize=True)


def make_style(name):
    # Of another shape than the content, so that it shows whether an objective keeps the style's own.
    small_picture("painting.jpg", (192, 144)).save(GOLDEN / name, optimize=True)


def make_seeded(name):
    def describe(weights):
        return {key: {"shape": list(tensor.shape), "first": tensor.flatten()[:3].tolist(), "last": tensor.flatten()[-1].item()}
                for key, tensor in weights.items()}

    write_json(name, {
        # As text: many readers of JSON take such large numbers for floats.
        "splitmix64": {"seed": 5, "first": [str(number) for number in splitmix64(5, 3)]},
        "vgg19": {"seed": SEED, "narrowness": 1, "tensors": describe(seeded_weights("vgg19", SEED))},
        "vgg19-narrow": {"seed": NARROW_SEED, "narrowness": NARROWNESS,
                         "tensors": describe(seeded_weights("vgg19", NARROW_SEED, NARROWNESS))},
    })


def run(backbone, objective, stages, every):
    """One recorded run of the golden pictures."""
    entries = []

    def report(entry):
        # How long an epoch took is nobody's golden value, and f32 has no more than these digits.
        entries.append({key: float(f"{value:.8g}") if isinstance(value, float) else value
                        for key, value in entry.items() if key != "seconds_per_epoch"})

    rate = LEARNING_RATES[objective]
    stylise(Network(BACKBONES[backbone](), objective), open_rgb(GOLDEN / "content.png"), open_rgb(GOLDEN / "style.png"),
            [Stage.parse(stage) for stage in stages], learning_rate=rate, every=every, report=report)
    return {"backbone": backbone, "objective": objective, "learning_rate": rate, "stages": stages, "report_every": every,
            "entries": entries}


def make_losses(name):
    runs = [run(backbone, objective, ["300x200:3"], 1) for backbone in BACKBONES for objective in LEARNING_RATES]
    # A second stage, which starts from the first one's picture, and a rate that falls within the first.
    runs += [run("vgg16", objective, ["48x32:4:2", "72x48:3"], 1) for objective in LEARNING_RATES]
    write_json(name, runs)


def make_losses_long(name):
    write_json(name, [run(backbone, objective, ["300x200:100"], 50) for backbone in BACKBONES for objective in LEARNING_RATES])


def small_images():
    """Content, style, and an image to be judged."""
    # Odd at every depth where it matters: 37x29 halves to 18x14, 9x7, 4x3 and 2x1, dropping rows and columns.
    content, style = (normalise(resize(open_rgb(GOLDEN / picture), (37, 29))) for picture in ("content.png", "style.png"))
    perturbation = torch.from_numpy(uniform(5, tuple(content.shape)) - 0.5)
    return content, style, (content.double() + perturbation).float()


def make_gradient(name):
    objective = name.removeprefix("gradient_").removesuffix(".safetensors")
    content, style, x = small_images()
    weights = seeded_weights("vgg19", NARROW_SEED, NARROWNESS)

    def differentiate(dtype):
        judge = Objective(Network({key: tensor.to(dtype) for key, tensor in weights.items()}, objective),
                          content.to(dtype), style.to(dtype))
        image = x.to(dtype).requires_grad_(True)
        terms = judge(image)
        gradients = [torch.autograd.grad(term, image, retain_graph=True)[0] for term in terms]
        return torch.stack([term.detach() for term in terms]), gradients

    losses, (*_, gradient) = differentiate(torch.float32)
    losses_f64, (content_gradient, style_gradient, tv_gradient, gradient_f64) = differentiate(torch.float64)
    write_tensors(name, {
        "content": content, "style": style, "x": x,
        "loss_weights": torch.tensor(LOSS_WEIGHTS[objective], dtype=torch.float64),
        "losses": losses, "losses_f64": losses_f64,
        "gradient": gradient, "gradient_f64": gradient_f64,
        # Which term is at fault when the sum is wrong.
        "gradient_content": content_gradient.float(), "gradient_style": style_gradient.float(),
        "gradient_tv": tv_gradient.float(),
    })


def make_masked(name):
    """The style's gradient in two regions with soft masks, of which one has a style that counts in part."""
    content, style, x = (image.double() for image in small_images())
    height, width = x.shape[2:]
    across = torch.arange(width).double().expand(height, width) / (width - 1)
    # Whole eighths, which any number format holds.
    across = (across * 8).floor() / 8
    down = (torch.arange(height).double()[:, None].expand(height, width) / (height - 1) * 8).floor() / 8
    weights = {key: tensor.double() for key, tensor in seeded_weights("vgg19", NARROW_SEED, NARROWNESS).items()}
    tensors = {"content": content, "style": style, "x": x, "mask": across, "style_mask": down}
    for objective in LEARNING_RATES:
        network, image = Network(weights, objective), x.clone().requires_grad_(True)
        features, other = network(style), network(content)
        regions = [(0.75, features, {"style_mask": down, "mask": across}), (0.5, other, {"mask": 1 - across})]
        seen = network(image)
        loss = sum(weight * Style(of[layer], layer, objective, **masks).distance(seen[layer])
                   for weight, of, masks in regions for layer in STYLE_LAYERS)
        tensors |= {f"loss_{objective}": loss.detach(), f"gradient_{objective}": torch.autograd.grad(loss, image)[0]}
    write_tensors(name, {key: tensor.float() if tensor.dim() else tensor for key, tensor in tensors.items()})


def make_autocast(name):
    """How far the gradient of content and style is from the exact one when PyTorch computes in bfloat16."""
    def gradient(backbone, objective, dtype, bf16):
        weights = {key: tensor.to(dtype) for key, tensor in BACKBONES[backbone]().items()}
        content, style, x = (image.to(dtype) for image in small_images())
        with torch.autocast("cpu", dtype=torch.bfloat16, enabled=bf16):
            judge = Objective(Network(weights, objective), content, style)
            image = x.requires_grad_(True)
            content_term, style_term, *_ = judge(image)
        return torch.autograd.grad(content_term + style_term, image)[0].double()

    distances = []
    for backbone in BACKBONES:
        for objective in LEARNING_RATES:
            exact = gradient(backbone, objective, torch.float64, False)
            distance = (gradient(backbone, objective, torch.float32, True) - exact).norm() / exact.norm()
            distances.append({"backbone": backbone, "objective": objective, "distance": float(f"{distance.item():.4g}")})
    write_json(name, distances)


def make_pooling(name):
    # Whole numbers below 4: most windows hold their greatest value more than once.
    x = torch.from_numpy(np.floor(4 * uniform(1, (1, 3, 7, 9))).astype(np.float32))
    upstream = torch.from_numpy((2 * uniform(2, (1, 3, 3, 4)) - 1).astype(np.float32))

    def pool(function):
        image = x.clone().requires_grad_(True)
        out = function(image)
        return out, torch.autograd.grad(out, image, upstream)[0]

    max_out, max_grad = pool(lambda image: F.max_pool2d(image, 2, 2))
    average_out, average_grad = pool(average_pool)
    l2_out, l2_grad = pool(l2_pool)
    write_tensors(name, {"x": x, "upstream": upstream, "max_out": max_out, "max_grad": max_grad,
                         "average_out": average_out, "average_grad": average_grad, "l2_out": l2_out, "l2_grad": l2_grad})


def make_resize(name):
    source = uniform(3, (17, 23, 3)).astype(np.float32)
    resized = {f"{w}x{h}": torch.from_numpy(resize(source, (w, h))) for w, h in [(10, 9), (40, 31), (23, 17)]}
    write_tensors(name, {"source": torch.from_numpy(source), **resized})


MAKERS = {
    "content.png": make_content, "style.png": make_style, "seeded.json": make_seeded,
    "gradient_published.safetensors": make_gradient, "gradient_relative.safetensors": make_gradient,
    "gradient_masked.safetensors": make_masked, "autocast.json": make_autocast,
    "pooling.safetensors": make_pooling, "resize.safetensors": make_resize,
    "losses.json": make_losses, "losses_long.json": make_losses_long,
}


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--only", help="names of files, comma-separated")
    parser.add_argument("--threads", type=int, default=2, help="part of what fixes the last digits")
    arguments = parser.parse_args()

    torch.set_num_threads(arguments.threads)
    GOLDEN.mkdir(parents=True, exist_ok=True)
    for name in arguments.only.split(",") if arguments.only else MAKERS:
        MAKERS[name](name)
        print(f"{name}: {(GOLDEN / name).stat().st_size} bytes", flush=True)


if __name__ == "__main__":
    main()
