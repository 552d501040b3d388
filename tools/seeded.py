"""Seeded VGG weights that Rust and Python generate alike, bit for bit, so that no test needs a file of them.

The rule, for the convolution of torchvision's index N:
  * one stream of SplitMix64 per convolution, seeded with 0x9E3779B97F4A7C15 * (N + 1) + SEED modulo 2^64
  * u = (next_u64 >> 11) * 2^-53, in [0,1)
  * first the weights, in row-major order of (out, in, ky, kx): f32((2u - 1) * sqrt(6 / (in * 9))), computed in f64;
    this is He's scaling, under which activations keep their size from layer to layer
  * then, from the same stream, the biases: f32((2u - 1) * 0.1)
A network made `narrowness` times narrower has its out channels divided by that, and its in channels too but for the image.
"""
import numpy as np
import torch

from reference import layers

GAMMA = 0x9E3779B97F4A7C15
OUT_CHANNELS = {1: 64, 2: 128, 3: 256, 4: 512, 5: 512}


def splitmix64(seed, count, skip=0):
    """Numbers skip+1 … skip+count of the stream of `seed`, as uint64."""
    # The state only ever grows by GAMMA, so any stretch of the stream can be had at once; uint64 wraps as it must.
    z = np.uint64(seed % 2**64) + np.arange(skip + 1, skip + count + 1, dtype=np.uint64) * np.uint64(GAMMA)
    z = (z ^ (z >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    z = (z ^ (z >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return z ^ (z >> np.uint64(31))


def uniform(seed, shape, skip=0):
    """f64 numbers in [0,1), in row-major order."""
    numbers = splitmix64(seed, int(np.prod(shape)), skip)
    return ((numbers >> np.uint64(11)).astype(np.float64) * 2.0**-53).reshape(shape)


def seeded_weights(arch, seed, narrowness=1):
    """{"features.N.weight": …, "features.N.bias": …} in f32."""
    weights, in_channels = {}, 3
    for kind, index, name in layers(arch):
        if kind != "conv":
            continue
        out_channels = OUT_CHANNELS[int(name[4])] // narrowness
        shape = (out_channels, in_channels, 3, 3)
        stream = GAMMA * (index + 1) + seed
        weight = (2 * uniform(stream, shape) - 1) * np.sqrt(6 / (in_channels * 9))
        bias = (2 * uniform(stream, (out_channels,), skip=weight.size) - 1) * 0.1
        weights[f"features.{index}.weight"] = torch.from_numpy(weight.astype(np.float32))
        weights[f"features.{index}.bias"] = torch.from_numpy(bias.astype(np.float32))
        in_channels = out_channels
    return weights
