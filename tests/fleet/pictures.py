"""Pictures to paint, made of nothing."""

import struct
import zlib


def png(width: int, height: int, colour) -> bytes:
    """A picture whose pixel at x, y is `colour(x, y)`, three bytes."""
    rows = b"".join(b"\0" + b"".join(bytes(colour(x, y)) for x in range(width)) for y in range(height))

    def chunk(name: bytes, content: bytes) -> bytes:
        return struct.pack(">I", len(content)) + name + content + struct.pack(">I", zlib.crc32(name + content))

    head = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunk(b"IDAT", zlib.compress(rows)) + chunk(b"IEND", b"")


CONTENTS = [
    png(96, 64, lambda x, y: (x * 2, y * 3, (x * y) % 256)),
    png(80, 80, lambda x, y: ((x - 40) ** 2 % 256, (y - 40) ** 2 % 256, (x + y) % 256)),
]
STYLES = [
    png(64, 64, lambda x, y: (255 * ((x // 8 + y // 8) % 2), 40, 255 - 3 * y)),
    png(64, 64, lambda x, y: (3 * y, 255 * ((x + y) // 6 % 2), 90)),
    png(64, 64, lambda x, y: ((x * x + y * y) // 8 % 256, (x * 5) % 256, (y * 7) % 256)),
]
