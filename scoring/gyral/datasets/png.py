"""PNG files whose bytes are the same on every machine: made images have content hashes.

Blocks are stored, not compressed: zlib and zlib-ng write different bytes for the same pixels.
"""

import struct
import zlib

import numpy as np
from numpy.typing import NDArray

Pixels = NDArray[np.uint8]

_STORED = 65535  # longest stored block of a deflate stream, bytes


def png(pixels: Pixels) -> bytes:
    """An RGB PNG file, byte for byte the same on every machine.

    Parameters
    ----------
    pixels : uint8 array, height x width x 3
    """
    height, width, _ = pixels.shape
    rows = np.zeros((height, 1 + width * 3), np.uint8)  # each row starts with its filter, 0: none
    rows[:, 1:] = pixels.reshape(height, -1)
    raw = rows.tobytes()
    blocks = [raw[i : i + _STORED] for i in range(0, len(raw), _STORED)]
    body = b"\x78\x01"
    for i, block in enumerate(blocks):
        body += struct.pack("<BHH", i == len(blocks) - 1, len(block), len(block) ^ 0xFFFF) + block
    body += struct.pack(">I", zlib.adler32(raw))
    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + _chunk(b"IHDR", header) + _chunk(b"IDAT", body) + _chunk(b"IEND", b"")


def _chunk(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
