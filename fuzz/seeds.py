"""Writes the inputs that the targets start from into corpus/: the pictures of the tests, and what is spelt out here.

They are laid out as the targets take them apart: numbers come first, the lower byte before the higher, and the rest is the last field.
"""

import json
import pathlib
import struct

HERE = pathlib.Path(__file__).parent
PICTURES = HERE.parent / "crates/picture/tests/data"
LONGEST_PICTURE = 8 << 10


def decoder():
    endings = {".png", ".jpg", ".webp", ".gif", ".bmp", ".tif"}
    files = [file for file in PICTURES.rglob("*") if file.suffix in endings]
    return [file.read_bytes() for file in sorted(files) if file.stat().st_size <= LONGEST_PICTURE]


def options():
    forms = [
        "",
        "preset=classic\nreport_every=10",
        "preset=fast\nsize=256\nepochs=40\nseed=7\ninit=noise",
        "size=300x200\nstrength=0.7\ncolours=content\nalpha=white",
        "stages=300x200:500:200,1200x800:300:100\nobjective=published\noptimiser=adam\nlearning_rate=0.01",
        "content_layers=conv4_2:1\nstyle_layers=conv1_1,conv2_1:0.5\npooling=max\nbackbone=vgg19",
        "style_weights=1,2,0.5\nstyle_scale=2\nprecision=bf16\ntv_weight=0\ncontent_weight=1e-3\nstyle_weight=1e300",
        "size=original\nepochs=4294967295",
    ]
    head = struct.pack("<IIBBBBB", 640, 480, 0, 3, 1, 1, 0)
    return [head + form.encode() for form in forms]


def part(head, body):
    return b"--B\r\nContent-Disposition: form-data; " + head + b"\r\n\r\n" + body + b"\r\n"


def multipart():
    picture = (PICTURES / "sheet/plain.gif").read_bytes()
    content = part(b'name="content"; filename="a.gif"', picture)
    style = part(b'name="style"; filename="b.gif"', picture)
    end = b"--B--\r\n"
    size = part(b'name="size"', b"64")
    mask = part(b'name="mask[]"; filename="m.gif"\r\nContent-Type: image/gif', picture)
    blank = part(b'name="style_mask"; filename=""\r\nContent-Type: application/octet-stream', b"")
    again = part(b"name=initial_job", b"01a21300-50a1-72f1-86c0-7e39e3e3dda5")
    encoded = part(b'name="content"\r\nContent-Transfer-Encoding: base64', b"AAAA")
    path = part(b'name="content"', b"/home/me/photograph.jpg")
    forms = [content + style + end, content + style + size + mask + end, content + style + blank + again + end]
    forms += [encoded + end, path + end, content + content + end, content[:-40], b"preamble\r\n" + size + style + content + end]
    return [bytes([piece, 0]) + form for piece in (0, 7) for form in forms] + [b"\0\1" + forms[0]]


def network(indices, channels, width, name):
    """The header of a file with a whole VGG, to the convolution that is needed last."""
    tensors, at, before = {}, 0, 3
    for index, count in zip(indices, channels):
        for part, shape in (("weight", [count, before, 3, 3]), ("bias", [count])):
            length = width
            for side in shape:
                length *= side
            tensors[f"features.{index}.{part}"] = {"dtype": name, "shape": shape, "data_offsets": [at, at + length]}
            at += length
        before = count
    return json.dumps(tensors, separators=(",", ":"))


def weights():
    whole, with_zeros, fitting = 0, 0x6000_0000, 0xC000_0000
    tensor = '{"a":{"dtype":"F32","shape":[1],"data_offsets":[0,4]},"__metadata__":{"format":"pt"}}'
    first = '{"features.0.weight":{"dtype":"F16","shape":[64,3,3,3],"data_offsets":[0,3456]}}'
    vgg16 = ([0, 2, 5, 7, 10, 12, 14, 17, 19, 21, 24], [64, 64, 128, 128, 256, 256, 256, 512, 512, 512, 512])
    vgg19 = ([0, 2, 5, 7, 10, 12, 14, 16, 19, 21, 23, 25, 28], [64, 64, 128, 128] + [256] * 4 + [512] * 5)
    networks = [network(*vgg16, 2, "F16"), network(*vgg19, 4, "F32")]
    file = struct.pack("<Q", len(tensor)) + tensor.encode() + b"\0\0\x80\x3f"
    inputs = [struct.pack("<I", whole) + file, struct.pack("<I", whole) + b"PK\x03\x04"]
    inputs += [struct.pack("<II", with_zeros, 3456) + first.encode()]
    return inputs + [struct.pack("<I", fitting) + header.encode() for header in [tensor, first] + networks]


for target in (decoder, options, multipart, weights):
    folder = HERE / "corpus" / target.__name__
    folder.mkdir(parents=True, exist_ok=True)
    for number, data in enumerate(target()):
        (folder / f"seed-{number:03}").write_bytes(data)
