"""A font in which every character is a box: photographs do not depend on a machine's fonts.

Chinese and full-width characters are one em wide, all others half of it. Which fonts a machine
has, or lacks, changes neither where lines break nor how dark they are; what is compared is layout
and colour.
"""

from __future__ import annotations

import struct

_EM, _ASCENT, _DESCENT = 1000, 880, -120
_HALF, _WHOLE = 500, 1000
_BLANK, _NARROW, _WIDE = 1, 2, 3  # glyphs; 0 is that of missing characters, a narrow box as well
# First and last character, and the glyph of all between.
_GROUPS = (
    (0x20, 0x20, _BLANK),
    (0x21, 0x2E7F, _NARROW),
    (0x2E80, 0x2FFF, _WIDE),
    (0x3000, 0x3000, _BLANK),
    (0x3001, 0xFFEF, _WIDE),
    (0x1F000, 0x323AF, _WIDE),
)


def font() -> bytes:
    """Return the font as a TrueType file."""
    outlines = [_box(_HALF), b"", _box(_HALF), _box(_WHOLE)]
    offsets = [sum(map(len, outlines[:index])) for index in range(len(outlines) + 1)]
    tables = {
        b"OS/2": _os2(),
        b"cmap": _cmap(),
        b"glyf": b"".join(outlines),
        b"head": _head(),
        b"hhea": struct.pack(
            ">IhhhHhhhhhhhhhhhH", 0x10000, _ASCENT, _DESCENT, 0, _WHOLE, 0, 0, _WHOLE, 1, 0, 0,
            0, 0, 0, 0, 0, len(outlines),
        ),
        b"hmtx": b"".join(struct.pack(">Hh", width, 0) for width in (_HALF, _HALF, _HALF, _WHOLE)),
        b"loca": struct.pack(f">{len(offsets)}I", *offsets),
        b"maxp": struct.pack(">IHHHHHHHHHHHHHH", 0x10000, len(outlines), 4, 1, *[0] * 11),
        b"name": struct.pack(">HHH", 0, 0, 6),
        b"post": struct.pack(">IIhhIIIII", 0x30000, 0, -100, 50, 0, 0, 0, 0, 0),
    }  # fmt: skip
    return _file(tables)


def _box(width: int) -> bytes:
    left, right, bottom, top = 60, width - 60, 0, 760
    header = struct.pack(">hhhhh", 1, left, bottom, right, top)
    xs, ys = (left, 0, right - left, 0), (bottom, top - bottom, 0, bottom - top)
    points = struct.pack(">HH4B4h4h", 3, 0, *[1] * 4, *xs, *ys)
    return header + points + b"\0" * (-len(header + points) % 4)


def _cmap() -> bytes:
    groups = b"".join(struct.pack(">III", *group) for group in _GROUPS)
    many_to_one = struct.pack(">HHIII", 13, 0, 16 + len(groups), 0, len(_GROUPS))
    return struct.pack(">HHHHI", 0, 1, 3, 10, 12) + many_to_one + groups


def _head() -> bytes:
    return struct.pack(
        ">IIIIHHQQhhhhHHhhh", 0x10000, 0x10000, 0, 0x5F0F3CF5, 0, _EM, 0, 0, 0, _DESCENT, _WHOLE,
        _ASCENT, 0, 8, 2, 1, 0,
    )  # fmt: skip


def _os2() -> bytes:
    return struct.pack(
        ">HhHHHhhhhhhhhhhh10s4I4sHHHhhhHHII", 3, _HALF, 400, 5, 0, *[0] * 10, 0, bytes(10), 0, 0,
        0, 0, b"NONE", 0x40, 0x20, 0xFFEF, _ASCENT, _DESCENT, 0, _ASCENT, -_DESCENT, 1, 0,
    ) + struct.pack(">hhHHH", 500, 700, 0, 0x20, 0)  # fmt: skip


def _file(tables: dict[bytes, bytes]) -> bytes:
    head = struct.pack(">IHHHH", 0x10000, len(tables), 128, 3, len(tables) * 16 - 128)
    directory, body = b"", b""
    start = len(head) + 16 * len(tables)
    for tag, data in sorted(tables.items()):
        padded = data + b"\0" * (-len(data) % 4)
        checksum = sum(struct.unpack(f">{len(padded) // 4}I", padded)) & 0xFFFFFFFF
        directory += struct.pack(">4sIII", tag, checksum, start + len(body), len(data))
        body += padded
    return head + directory + body
