"""Photographs of pages, and how they are compared with the stored ones in pictures/.

`make photographs` takes them anew. They are compared by blocks of eight pixels a side: a block
differs where its mean colour does by more than what a compressed picture loses, and a picture where
more than a few blocks do. Antialiasing and the details of form controls, which differ between
versions of Chromium, stay below that; a missing style, another colour of a button or a line that
moved do not. Measured in the style guide on a phone, of 25,000 blocks: 3 without a change, 244 with
one field's border gone, 384 with another blue in one button, 6,000 with a heading moved.
"""

from __future__ import annotations

import os
from base64 import b64decode, b64encode
from pathlib import Path

from playwright.async_api import Page
from tests.browser.photographs.boxes import font

PICTURES = Path(__file__).parent / "pictures"
RETAKES = "GUAHAO_PHOTOGRAPHS" in os.environ
WIDTHS = (360, 1280)
THEMES = ("light", "dark")
DIFFERENT_BLOCKS_MAX = 60
ALL = 10**6  # pictures of another size have no blocks to compare
_HEIGHTS = {360: 740, 1280: 800}

_PREPARE = """
async ([font, more]) => {
  const face = new FontFace("Boxes", Uint8Array.from(atob(font), (c) => c.charCodeAt(0)).buffer);
  await face.load();
  document.fonts.add(face);
  const sheet = new CSSStyleSheet();
  sheet.replaceSync(`
    *, ::before, ::after { font-family: Boxes !important; caret-color: transparent !important; }
    .ticket__qr { visibility: hidden; }
    ${more}`);
  document.adoptedStyleSheets = [...document.adoptedStyleSheets, sheet];
  document.activeElement?.blur();
  await document.fonts.ready;
}
"""
# What sticks to a window would lie across a picture of the whole page; sixty icons weigh too much.
_WHOLE = ".tabs, .confirm, .action-bar { position: static !important; } #icons { display: none; }"

_SMALLER = """
const canvas = (bitmap, width, height) => {
  const made = new OffscreenCanvas(width, height);
  const pen = made.getContext("2d", { willReadFrequently: true });
  pen.imageSmoothingQuality = "high";
  pen.drawImage(bitmap, 0, 0, width, height);
  return made;
};
const decoded = async (text) =>
  createImageBitmap(new Blob([Uint8Array.from(atob(text), (c) => c.charCodeAt(0))]));
const blocks = (bitmap, width, height) => {
  // Halved step by step: each step takes the mean of four.
  let made = canvas(bitmap, width * 4, height * 4);
  made = canvas(made, width * 2, height * 2);
  made = canvas(made, width, height);
  return made.getContext("2d").getImageData(0, 0, width, height).data;
};
"""
_DEVELOP = f"""
async (text) => {{
  {_SMALLER}
  const shot = await decoded(text);
  const small = canvas(shot, Math.round(shot.width / 2), Math.round(shot.height / 2));
  const blob = await small.convertToBlob({{ type: "image/webp", quality: 0.35 }});
  const bytes = new Uint8Array(await blob.arrayBuffer());
  return btoa(bytes.reduce((sum, byte) => sum + String.fromCharCode(byte), ""));
}}
"""
_COMPARE = f"""
async ([taken, stored]) => {{
  {_SMALLER}
  const [shot, other] = [await decoded(taken), await decoded(stored)];
  const width = Math.round(shot.width / 8), height = Math.round(shot.height / 8);
  const off = [shot.width - other.width * 2, shot.height - other.height * 2].map(Math.abs);
  if (off[0] > 1 || off[1] > 16) return null;
  const [a, b] = [blocks(shot, width, height), blocks(other, width, height)];
  let different = 0;
  for (let i = 0; i < a.length; i += 4) {{
    const most = Math.max(...[0, 1, 2].map((c) => Math.abs(a[i + c] - b[i + c])));
    if (most > 28) different += 1;
  }}
  return different;
}}
"""


async def photographed(
    page: Page, name: str, *, whole: bool = False, spoilt_by: str = "", once: bool = False
) -> list[str]:
    """Take a page in both widths and themes; return the pictures that differ from the stored ones.

    `whole`: to the end of the page, not only what a window shows at first. `spoilt_by`: a rule that
    must make a difference. `once`: in the first width and theme only.
    """
    await page.wait_for_load_state("networkidle")
    await page.evaluate(
        _PREPARE, [b64encode(font()).decode(), (_WHOLE if whole else "") + spoilt_by]
    )
    differing = []
    for width in WIDTHS[:1] if once else WIDTHS:
        await page.set_viewport_size({"width": width, "height": _HEIGHTS[width]})
        for theme in THEMES[:1] if once else THEMES:
            await page.emulate_media(color_scheme="dark" if theme == "dark" else "light")
            different = await _different_blocks(page, f"{name}-{width}-{theme}", whole)
            if different > DIFFERENT_BLOCKS_MAX:
                differing.append(f"{name}-{width}-{theme}: {different} blocks")
    return differing


async def _different_blocks(page: Page, name: str, whole: bool) -> int:
    taken = await page.screenshot(full_page=whole, animations="disabled")
    path = PICTURES / f"{name}.webp"
    if RETAKES:
        developed = await page.evaluate(_DEVELOP, b64encode(taken).decode())
        path.write_bytes(b64decode(developed))
    if not path.exists():
        return ALL
    stored = b64encode(path.read_bytes()).decode()
    found: int | None = await page.evaluate(_COMPARE, [b64encode(taken).decode(), stored])
    return ALL if found is None else found
