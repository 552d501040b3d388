"""Colour profiles, written byte by byte so that they stay small."""
import struct

import numpy as np

D50 = np.array([0.9642, 1.0, 0.8249])
BRADFORD = np.array([[0.8951, 0.2664, -0.1614], [-0.7502, 1.7135, 0.0367], [0.0389, -0.0685, 1.0296]])


def xyz_of(x, y):
    return np.array([x / y, 1, (1 - x - y) / y])


def adapted(white):
    scale = np.diag(BRADFORD @ D50 / (BRADFORD @ white))
    return np.linalg.inv(BRADFORD) @ scale @ BRADFORD


def colorants(white, red, green, blue):
    """Columns of XYZ at D50."""
    white = xyz_of(*white)
    primaries = np.stack([xyz_of(*place) for place in (red, green, blue)], axis=1)
    return adapted(white) @ primaries @ np.diag(np.linalg.solve(primaries, white))


D65 = (0.3127, 0.3290)
SRGB = colorants(D65, (0.64, 0.33), (0.30, 0.60), (0.15, 0.06))
DISPLAY_P3 = colorants(D65, (0.680, 0.320), (0.265, 0.690), (0.150, 0.060))
ADOBE = colorants(D65, (0.64, 0.33), (0.21, 0.71), (0.15, 0.06))
PROPHOTO = colorants((0.3457, 0.3585), (0.7347, 0.2653), (0.1596, 0.8404), (0.0366, 0.0001))


def fixed(*values):
    return b"".join(struct.pack(">i", round(value * 65536)) for value in values)


def xyz(values):
    return b"XYZ \0\0\0\0" + fixed(*values)


def gamma(exponent):
    return b"curv\0\0\0\0" + struct.pack(">IH", 1, round(exponent * 256))


def curve(function, count=256):
    values = [min(65535, max(0, round(65535 * function(index / (count - 1))))) for index in range(count)]
    return b"curv\0\0\0\0" + struct.pack(f">I{count}H", count, *values)


def parametric(*numbers):
    return b"para\0\0\0\0" + struct.pack(">HH", {1: 0, 3: 1, 4: 2, 5: 3, 7: 4}[len(numbers)], 0) + fixed(*numbers)


SRGB_CURVE = parametric(2.4, 1 / 1.055, 0.055 / 1.055, 1 / 12.92, 0.04045)


def text(words):
    words = words.encode() + b"\0"
    return b"desc\0\0\0\0" + struct.pack(">I", len(words)) + words + bytes(78)


def profile(name, space, tags, pcs=b"XYZ ", kind=b"mntr", version=0x02400000):
    tags = {b"desc": text(name), b"cprt": b"text\0\0\0\0CC0\0", b"wtpt": xyz(D50), **tags}
    table, data, places = struct.pack(">I", len(tags)), b"", {}
    start = 128 + 4 + 12 * len(tags)
    for tag, value in tags.items():
        if value not in places:
            places[value] = start + len(data)
            data += value + bytes(-len(value) % 4)
        table += tag + struct.pack(">II", places[value], len(value))
    header = struct.pack(">I4sI4s4s4s", start + len(data), b"\0\0\0\0", version, kind, space, pcs)
    header += struct.pack(">6H", 2024, 1, 1, 0, 0, 0) + b"acsp" + bytes(28) + fixed(*D50)
    return header.ljust(128, b"\0") + table + data


def matrix(name, columns, trc):
    tags = {tag: xyz(columns[:, place]) for place, tag in enumerate((b"rXYZ", b"gXYZ", b"bXYZ"))}
    return profile(name, b"RGB ", {**tags, b"rTRC": trc, b"gTRC": trc, b"bTRC": trc})


def grey(name, trc, pcs=b"XYZ "):
    return profile(name, b"GRAY", {b"kTRC": trc}, pcs=pcs)


def lab(xyz):
    ratio = xyz / D50
    root = np.where(ratio > 216 / 24389, np.cbrt(ratio), (841 / 108) * ratio + 4 / 29)
    return np.array([116 * root[1] - 16, 500 * (root[0] - root[1]), 200 * (root[1] - root[2])])


def table(channels, grid, function, width):
    """A table (mft1 or mft2) to Lab, by `function` from channels within [0, 1] to XYZ."""
    nodes = np.stack(np.meshgrid(*[np.linspace(0, 1, grid)] * channels, indexing="ij"), axis=-1).reshape(-1, channels)
    head = (b"mft2" if width == 2 else b"mft1") + bytes(4) + bytes([channels, 3, grid, 0]) + fixed(1, 0, 0, 0, 1, 0, 0, 0, 1)
    values = np.array([lab(function(node)) for node in nodes])
    if width == 2:
        words = np.clip(np.round(np.stack([values[:, 0] * 652.8, (values[:, 1] + 128) * 256, (values[:, 2] + 128) * 256], 1)), 0, 65535)
        ends = struct.pack(">2H", 0, 65535)
        return head + struct.pack(">2H", 2, 2) + ends * channels + words.astype(">u2").tobytes() + ends * 3
    words = np.clip(np.round(np.stack([values[:, 0] * 2.55, values[:, 1] + 128, values[:, 2] + 128], 1)), 0, 255)
    return head + bytes(range(256)) * channels + words.astype(np.uint8).tobytes() + bytes(range(256)) * 3


def table_v4(grid, function):
    """mAB: curves, a table, curves, of which only the table does anything, with Lab as version 4 counts it."""
    nodes = np.stack(np.meshgrid(*[np.linspace(0, 1, grid)] * 3, indexing="ij"), axis=-1).reshape(-1, 3)
    values = np.array([lab(function(node)) for node in nodes])
    words = np.clip(np.round(np.stack([values[:, 0] * 655.35, (values[:, 1] + 128) * 257, (values[:, 2] + 128) * 257], 1)), 0, 65535)
    clut = bytes([grid] * 3).ljust(16, b"\0") + b"\2\0\0\0" + words.astype(">u2").tobytes()
    clut += bytes(-len(clut) % 4)
    straight = (b"curv\0\0\0\0" + struct.pack(">I", 0)) * 3
    b_at = 32
    clut_at = b_at + len(straight)
    a_at = clut_at + len(clut)
    return b"mAB \0\0\0\0" + bytes([3, 3, 0, 0]) + struct.pack(">5I", b_at, 0, 0, clut_at, a_at) + straight + clut + straight


def light(space, exponent=2.2):
    return lambda rgb: space @ np.power(rgb, exponent)


def inks(cmyk):
    """Dull inks on white paper."""
    cyan, magenta, yellow, black = cmyk
    light = np.array([(1 - 0.9 * cyan) * (1 - 0.1 * magenta), (1 - 0.35 * cyan) * (1 - 0.85 * magenta) * (1 - 0.05 * yellow),
                      (1 - 0.1 * cyan) * (1 - 0.4 * magenta) * (1 - 0.9 * yellow)])
    return SRGB @ (light * (1 - 0.95 * black))


PROFILES = {
    "srgb": matrix("sRGB", SRGB, SRGB_CURVE),
    "srgb_table": matrix("sRGB", SRGB, curve(lambda v: v / 12.92 if v <= 0.04045 else ((v + 0.055) / 1.055) ** 2.4, 1024)),
    "p3": matrix("Display P3", DISPLAY_P3, SRGB_CURVE),
    "adobe": matrix("Adobe RGB (1998)", ADOBE, gamma(563 / 256)),
    "prophoto": matrix("ProPhoto RGB", PROPHOTO, gamma(1.8)),
    "lut16": profile("A table", b"RGB ", {b"A2B0": table(3, 5, light(ADOBE, 1.8), 2)}, pcs=b"Lab ", kind=b"prtr"),
    "lut8": profile("A table of bytes", b"RGB ", {b"A2B0": table(3, 5, light(DISPLAY_P3, 1.5), 1)}, pcs=b"Lab ", kind=b"scnr"),
    "lut_v4": profile("A table of version 4", b"RGB ", {b"A2B0": table_v4(5, light(ADOBE, 2.0))}, pcs=b"Lab ", kind=b"scnr", version=0x04200000),
    "grey": grey("Grey of gamma 1.8", gamma(1.8)),
    "dot_gain": grey("Dot gain", curve(lambda v: v ** 1.4, 64)),
    "lightness": grey("Lightness", gamma(1), pcs=b"Lab "),
    "cmyk16": profile("Inks", b"CMYK", {b"A2B0": table(4, 4, inks, 2)}, pcs=b"Lab ", kind=b"prtr"),
    "cmyk8": profile("Inks of bytes", b"CMYK", {b"A2B0": table(4, 4, inks, 1)}, pcs=b"Lab ", kind=b"prtr"),
}
