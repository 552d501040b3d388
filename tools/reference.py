#!/usr/bin/env python3
"""The style transfer of impasto in plain PyTorch, written to be read: the oracle of the golden values.

Common to both objectives:
  * backbone: VGG up to conv5_1; 3x3 convolutions with zero padding 1; pooling 2x2 with stride 2, whole windows only
  * the composite image starts as the content image; a later stage starts from the earlier one's output, clipped to
    [0,1] and resized (not rounded to bytes), with a fresh Adam
  * the Gram matrix of a layer's features F (c, h*w) is F F^T / (c*h*w)
  * Adam (0.9, 0.999, 1e-8) on the normalised pixels, its rate multiplied by 0.1 after epoch DECAY, 2*DECAY, …
  * the losses reported for epoch i are those of the image after i updates; a stage's last line is its finished image

--objective published: features before ReLU, max pooling, content at the last convolution of block 4,
    content = mean((F-C)^2), style = sum over layers of mean((G-A)^2),
    tv = 0.5 * (mean|dy| + mean|dx|) of the normalised image; weights 1, 1000, 10;
    every picture is resized to the stage's WxH with Pillow's BILINEAR, which is antialiased when it shrinks
--objective relative: features after ReLU, L2 pooling (0.78 times the root of a window's sum of squares), content at
    conv4_2, content = |F-C|^2/|C|^2, style = weighed sum over layers of |G-A|^2/|A|^2 + |m-m'|^2/|m'|^2 + |d-d'|^2/|d'|^2,
    m being the means of the channels and d = sqrt(variance + 1e-4 trace A) their deviations, m' and d' the style's,
    tv = mean dy^2 + mean dx^2; weights 1, 2.5, 0.03;
    pictures are resized with Pillow's BICUBIC; the style image keeps its own shape, its longest side that of the stage, but
    at most twice the stage's pixels and no side below 16;
    content and composite lie in the middle of a canvas that continues them as mirrors would: a margin on every side, and
    sides that are multiples of 16
The style layers are the first convolution of each block in both.

Usage: pip install -r tools/requirements.txt  (of it: torch, numpy, pillow, safetensors)
       python tools/reference.py --weights assets/vgg16.safetensors --content A.jpg --style B.jpg \\
           --stage 300x200:500:200 --stage 1200x800:300:100 --output out.png

Prints one JSON object a line: {"stage","epoch","content","style","tv","total","learning_rate","seconds_per_epoch"}.
The weights hold `features.N.weight` (out,in,3,3) and `features.N.bias` (out,), N as torchvision numbers the `features`
of vgg16 or vgg19, for RGB in [0,1] normalised with the ImageNet mean and standard deviation.
"""
import argparse
import json
import time
from dataclasses import dataclass

import numpy as np
import torch
import torch.nn.functional as F
from PIL import Image
from safetensors.torch import load_file

MEAN = torch.tensor([0.485, 0.456, 0.406])
STD = torch.tensor([0.229, 0.224, 0.225])
CONVOLUTIONS_PER_BLOCK = {"vgg16": (2, 2, 3, 3, 3), "vgg19": (2, 2, 4, 4, 4)}
STYLE_LAYERS = ["conv1_1", "conv2_1", "conv3_1", "conv4_1", "conv5_1"]
LOSS_WEIGHTS = {"published": (1.0, 1e3, 10.0), "relative": (1.0, 2.5, 0.03)}
# What a layer's style counts in the objective `relative`.
STYLE_LAYER_WEIGHTS = {"conv1_1": 2.5, "conv2_1": 1.25, "conv3_1": 0.6, "conv4_1": 0.3, "conv5_1": 0.08}
VARIANCE_FLOOR = 1e-4
L2_GAIN, L2_FLOOR, AVERAGE_GAIN = 0.78, 1e-8, 1.3
MARGIN, COARSE_MARGIN, COARSE, MULTIPLE = 16, 24, 255, 16


@dataclass
class Stage:
    width: int
    height: int
    epochs: int
    decay: int = 10**9

    @classmethod
    def parse(cls, text):
        size, *rest = text.split(":")
        width, height = size.split("x")
        return cls(int(width), int(height), *map(int, rest))


def layers(arch):
    """[(kind, torchvision's index, name)] up to the ReLU of conv5_1; a ReLU bears the name of its convolution."""
    chain, index = [], 0
    for block, convolutions in enumerate(CONVOLUTIONS_PER_BLOCK[arch], start=1):
        for number in range(1, convolutions + 1):
            name = f"conv{block}_{number}"
            chain += [("conv", index, name), ("relu", index + 1, name)]
            index += 2
            if name == "conv5_1":
                return chain
        chain.append(("pool", index, f"pool{block}"))
        index += 1


def resize(rgb, size, objective="published"):
    """Float (h,w,3) in [0,1] to float (H,W,3), where `size` is (W,H)."""
    if size == (rgb.shape[1], rgb.shape[0]):
        return rgb
    filter = Image.Resampling.BICUBIC if objective == "relative" else Image.Resampling.BILINEAR
    planes = [Image.fromarray(np.ascontiguousarray(rgb[..., k], np.float32)).resize(size, filter) for k in range(3)]
    return np.stack([np.asarray(plane) for plane in planes], axis=-1).clip(0, 1)


class Canvas:
    """Where a picture (h,w,3) of this size (W,H) lies within the image that is optimised."""

    def __init__(self, size, objective):
        self.size = size
        margin = COARSE_MARGIN if max(size) <= COARSE else MARGIN
        self.sides = [-(-(side + 2 * margin) // MULTIPLE) * MULTIPLE for side in size] if objective == "relative" else size

    def put(self, picture):
        """The picture, continued as mirrors would."""
        before = [(outer - inner) // 2 for outer, inner in zip(self.sides, self.size)]
        (left, right), (top, bottom) = ((b, outer - inner - b) for b, outer, inner in zip(before, self.sides, self.size))
        return np.pad(picture, ((top, bottom), (left, right), (0, 0)), "symmetric")

    def take(self, image):
        left, top = ((outer - inner) // 2 for outer, inner in zip(self.sides, self.size))
        return image[top:top + self.size[1], left:left + self.size[0]]


def style_size(style, stage, objective):
    """(W,H) of the style image in this stage."""
    if objective == "published":
        return stage.width, stage.height
    height, width = style.shape[:2]
    def scaled(width, height, factor):
        return max(1, round(width * factor)), max(1, round(height * factor))

    width, height = scaled(width, height, max(stage.width, stage.height) / max(width, height))
    most = 2 * stage.width * stage.height
    if width * height > most:
        width, height = scaled(width, height, (most / (width * height)) ** 0.5)
    return max(16, width), max(16, height)


def normalise(rgb):
    image = (torch.from_numpy(np.ascontiguousarray(rgb)).float() - MEAN) / STD
    return image.permute(2, 0, 1)[None].contiguous()


def to_pixels(image):
    return (image[0].detach().cpu().float().permute(1, 2, 0) * STD + MEAN).clamp(0, 1)


def open_rgb(path):
    return np.asarray(Image.open(path).convert("RGB"), dtype=np.float32) / 255


class Network:
    """Answers the features of an image at the layers that its objective looks at: {layer name: (1,c,h,w)}."""

    def __init__(self, weights, objective, device="cpu", memory_format=torch.contiguous_format):
        self.arch = "vgg19" if "features.16.weight" in weights else "vgg16"
        self.objective = objective
        self.weights = {name: tensor.to(device).to(memory_format=memory_format) if tensor.dim() == 4
                        else tensor.to(device) for name, tensor in weights.items()}
        if objective == "relative":
            self.content_layer, self.looks_at, self.pool = "conv4_2", "relu", l2_pool
        else:
            last_of_block_4 = CONVOLUTIONS_PER_BLOCK[self.arch][3]
            self.content_layer, self.looks_at, self.pool = f"conv4_{last_of_block_4}", "conv", lambda x: F.max_pool2d(x, 2, 2)

    def __call__(self, x):
        features = {}
        for kind, index, name in layers(self.arch):
            if kind == "conv":
                x = F.conv2d(x, self.weights[f"features.{index}.weight"], self.weights[f"features.{index}.bias"], padding=1)
            elif kind == "relu":
                x = F.relu(x)
            else:
                x = self.pool(x)
            if kind == self.looks_at and (name == self.content_layer or name in STYLE_LAYERS):
                features[name] = x
        return features


def l2_pool(x):
    return (4 * F.avg_pool2d(x * x, 2, 2) + L2_FLOOR).sqrt() * L2_GAIN


def average_pool(x):
    return F.avg_pool2d(x, 2, 2) * AVERAGE_GAIN


def gram(features, mask=None):
    flat = features.reshape(features.shape[1], -1)
    if mask is None:
        return flat @ flat.T / flat.numel()
    return (flat * mask.reshape(1, -1)) @ flat.T / (flat.shape[0] * mask.sum())


def moments(features, mask=None):
    """The means and variances of the channels."""
    flat = features.reshape(features.shape[1], -1)
    flat = flat.to(torch.promote_types(flat.dtype, torch.float32))
    if mask is None:
        return flat.mean(1), flat.var(1, unbiased=False)
    weights = mask.reshape(1, -1) / mask.sum()
    mean = (flat * weights).sum(1)
    return mean, ((flat - mean[:, None]).square() * weights).sum(1)


def mask_at(mask, name):
    """A mask (h,w) as the features of a layer see it: pooled to means as often as they are."""
    for _ in range(1, int(name.removeprefix("conv")[0])):
        mask = F.avg_pool2d(mask[None, None], 2, 2)[0, 0]
    return mask


def total_variation(x, objective):
    down, across = x[:, :, 1:] - x[:, :, :-1], x[:, :, :, 1:] - x[:, :, :, :-1]
    if objective == "relative":
        return down.square().mean() + across.square().mean()
    return 0.5 * (down.abs().mean() + across.abs().mean())


def distance(have, want, objective):
    # Under autocast the features are bfloat16, in which a sum over a whole layer would lose most of its digits.
    wide = torch.promote_types(have.dtype, torch.float32)
    squares = (have - want).to(wide).square()
    return squares.sum() / want.to(wide).square().sum() if objective == "relative" else squares.mean()


class Style:
    """What the style at a layer is to be; masks say which pixels of the style image and of others count."""

    def __init__(self, features, name, objective, style_mask=None, mask=None):
        self.objective, self.weight = objective, STYLE_LAYER_WEIGHTS[name] if objective == "relative" else 1.0
        self.mask = None if mask is None else mask_at(mask, name)
        style_mask = None if style_mask is None else mask_at(style_mask, name)
        self.gram = gram(features, style_mask)
        self.floor = VARIANCE_FLOOR * self.gram.diagonal().sum()
        self.mean, variance = moments(features, style_mask)
        self.deviation = (variance + self.floor).sqrt()

    def distance(self, features):
        apart = distance(gram(features, self.mask), self.gram, self.objective)
        if self.objective == "relative":
            mean, variance = moments(features, self.mask)
            apart = apart + (distance(mean, self.mean, self.objective)
                             + distance((variance + self.floor).sqrt(), self.deviation, self.objective))
        return apart * self.weight


class Objective:
    """The loss terms of an image against the content and style it is to have, each times its weight."""

    def __init__(self, network, content, style, loss_weights=None):
        self.network = network
        self.loss_weights = loss_weights or LOSS_WEIGHTS[network.objective]
        with torch.no_grad():
            self.wanted_content = network(content)[network.content_layer]
            features = network(style)
            self.wanted_styles = {name: Style(features[name], name, network.objective) for name in STYLE_LAYERS}

    def __call__(self, image):
        """(content, style, tv, total)"""
        objective = self.network.objective
        content_weight, style_weight, tv_weight = self.loss_weights
        features = self.network(image)
        content = distance(features[self.network.content_layer], self.wanted_content, objective) * content_weight
        style = sum(wanted.distance(features[name]) for name, wanted in self.wanted_styles.items()) * style_weight
        tv = total_variation(image, objective) * tv_weight
        return content, style, tv, content + style + tv


def stylise(network, content, style, stages, learning_rate=0.01, loss_weights=None, every=50, report=lambda entry: None,
            put=lambda image: image, autocast=None):
    """Paints `content` in the style of `style`, pictures (h,w,3) in [0,1] all three; `report` hears of every progress entry."""
    autocast = autocast or (lambda: torch.autocast("cpu", enabled=False))
    painted = None
    for number, stage in enumerate(stages, start=1):
        canvas = Canvas((stage.width, stage.height), network.objective)

        def on_canvas(picture):
            return put(normalise(canvas.put(resize(picture, canvas.size, network.objective))))

        content_image = on_canvas(content)
        style_image = put(normalise(resize(style, style_size(style, stage, network.objective), network.objective)))
        image = content_image.clone() if painted is None else on_canvas(painted)
        with autocast():
            objective = Objective(network, content_image, style_image, loss_weights)

        def losses():
            with autocast():
                return objective(image)

        image.requires_grad_(True)
        adam = torch.optim.Adam([image], lr=learning_rate)
        started, warm_epochs = time.perf_counter(), 0

        def tell(epoch, terms):
            content_loss, style_loss, tv, total = (float(term.detach()) for term in terms)
            report({"stage": number, "epoch": epoch, "content": content_loss, "style": style_loss, "tv": tv,
                    "total": total, "learning_rate": adam.param_groups[0]["lr"],
                    "seconds_per_epoch": (time.perf_counter() - started) / max(epoch - warm_epochs, 1)})

        for epoch in range(stage.epochs):
            if epoch == min(2, stage.epochs - 1):
                # The first epochs also choose kernels and fill caches: they would spoil the mean of a short run.
                started, warm_epochs = time.perf_counter(), epoch
            terms = losses()
            if epoch and epoch % every == 0:
                tell(epoch, terms)
            adam.zero_grad()
            terms[3].backward()
            adam.step()
            if epoch and epoch % stage.decay == 0:
                for group in adam.param_groups:
                    group["lr"] *= 0.1
        with torch.no_grad():
            tell(stage.epochs, losses())
        painted = canvas.take(to_pixels(image).numpy())
    return painted


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--weights", required=True)
    parser.add_argument("--content", required=True)
    parser.add_argument("--style", required=True)
    parser.add_argument("--stage", action="append", required=True, help="WxH:EPOCHS[:DECAY], in order")
    parser.add_argument("--objective", choices=sorted(LOSS_WEIGHTS), default="published")
    parser.add_argument("--output")
    parser.add_argument("--lr", type=float, default=0.01)
    parser.add_argument("--loss-weights", help="content,style,tv; the objective's own if left out")
    parser.add_argument("--every", type=int, default=50)
    parser.add_argument("--threads", type=int)
    parser.add_argument("--bf16", action="store_true", help="autocast to bfloat16 in channels_last, fastest on CPUs with AMX")
    parser.add_argument("--device", default="cpu")
    arguments = parser.parse_args()

    if arguments.threads:
        torch.set_num_threads(arguments.threads)
    memory_format = torch.channels_last if arguments.bf16 else torch.contiguous_format
    weights = {name: tensor.float() for name, tensor in load_file(arguments.weights).items()}
    painted = stylise(
        Network(weights, arguments.objective, arguments.device, memory_format),
        open_rgb(arguments.content), open_rgb(arguments.style),
        [Stage.parse(text) for text in arguments.stage],
        learning_rate=arguments.lr,
        loss_weights=tuple(map(float, arguments.loss_weights.split(","))) if arguments.loss_weights else None,
        every=arguments.every,
        report=lambda entry: print(json.dumps(entry), flush=True),
        put=lambda image: image.to(arguments.device).to(memory_format=memory_format),
        autocast=lambda: torch.autocast(torch.device(arguments.device).type, dtype=torch.bfloat16, enabled=arguments.bf16))
    if arguments.output:
        Image.fromarray((painted * 255).round().astype(np.uint8)).save(arguments.output)


if __name__ == "__main__":
    main()
