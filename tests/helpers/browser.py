"""A headless Chromium, where this machine has one: what it sees of a page.

Without one the tests that use it are deselected (`tests/report/conftest.py`); Debian's package is `chromium`."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from html import unescape
from pathlib import Path
from typing import Any

BROWSER = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
_CONSOLE = re.compile(r"CONSOLE[^\n]*")
_RESULT = re.compile(r"<pre id=\"result\">(.*?)</pre>", re.DOTALL)
# The page is framed at the width that is asked for: it runs no script itself, so the frame's owner looks at it.
_HARNESS = """<!DOCTYPE html><body style="margin:0"><iframe src="PAGE" style="width:WIDTHpx;height:900px;border:0">
</iframe><pre id="result"></pre><script>
function channels(text) { return text.match(/[\\d.]+/g).map(Number); }
function light(color) {
  const linear = c => c <= 0.04045 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4;
  const [r, g, b] = color.slice(0, 3).map(c => linear(c / 255));
  return 0.2126 * r + 0.7152 * g + 0.0722 * b;
}
function ground(element) {
  for (let e = element; e; e = e.parentElement) {
    const color = channels(getComputedStyle(e).backgroundColor);
    if (color.length < 4 || color[3] > 0) return color;
  }
  return [255, 255, 255];
}
onload = () => {
  const page = document.querySelector("iframe").contentDocument;
  page.querySelectorAll("details").forEach(each => each.open = true);
  const width = page.documentElement.clientWidth;
  const wide = [...page.querySelectorAll("body *")].filter(e => e.getBoundingClientRect().right > width + 1);
  let worst = {ratio: 99};
  for (const e of page.querySelectorAll("body *")) {
    if (![...e.childNodes].some(n => n.nodeType == 3 && n.data.trim())) continue;
    const [a, b] = [light(channels(getComputedStyle(e).color)), light(ground(e))];
    const ratio = (Math.max(a, b) + 0.05) / (Math.min(a, b) + 0.05);
    if (ratio < worst.ratio) worst = {ratio, text: e.textContent.trim().slice(0, 60), tag: e.className};
  }
  document.querySelector("#result").textContent = JSON.stringify({
    width: width, scroll: page.documentElement.scrollWidth, worst: worst, ground: ground(page.body),
    wide: wide.map(e => e.tagName + "." + e.className + " " + e.textContent.trim().slice(0, 40)).slice(0, 5)});
};
</script>"""


def look_at(page: Path, width: int, *, dark: bool = False) -> dict[str, Any]:
    """What the browser makes of the page at that width, in pixels: `scroll`, how wide its content is; `wide`, elements
    that stand out on the right; `worst`, the text with the least contrast (WCAG 2, success criterion 1.4.3); `console`,
    the lines of its console."""
    harness = page.with_suffix(".harness.html")
    harness.write_text(_HARNESS.replace("PAGE", page.name).replace("WIDTH", str(width)))
    done = _browse(harness, page.parent / "profile", ["--allow-file-access-from-files", "--dump-dom"], dark=dark)
    result = _RESULT.search(done.stdout)
    assert result is not None, done.stderr
    seen: dict[str, Any] = json.loads(unescape(result[1]))
    return {**seen, "console": _CONSOLE.findall(done.stderr)}


def take_picture(page: Path, picture: Path, size: tuple[int, int], *, dark: bool = False) -> None:
    """Write what the top of the page looks like in a window of that width and height."""
    width, height = size
    options = [f"--screenshot={picture}", f"--window-size={width},{height}", "--hide-scrollbars"]
    _browse(page, page.parent / "profile", options, dark=dark)
    assert picture.exists()


def _browse(page: Path, profile: Path, options: list[str], *, dark: bool) -> subprocess.CompletedProcess[str]:
    assert BROWSER is not None, "no browser on PATH; Debian's package is chromium"
    quiet = ("--disable-background-networking", "--disable-component-update", "--disable-sync", "--no-first-run")
    argv = [BROWSER, "--headless", "--no-sandbox", "--disable-gpu", *quiet, f"--user-data-dir={profile}"]
    argv += ["--enable-logging=stderr", *(["--force-dark-mode"] if dark else []), *options, page.as_uri()]
    return subprocess.run(argv, capture_output=True, text=True, timeout=120, check=False)
