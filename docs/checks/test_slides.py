"""The slides in a browser: every slide fits, pictures and formulas are there, nothing comes from outside.

Run after `python notebooks/slides.py`. Pictures of all slides are written to build/pictures/slides.
"""

import functools
import http.server
import re
import threading
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent.parent
SLIDES = ROOT / "build" / "slides"
PICTURES = ROOT / "build" / "pictures" / "slides"
PAGES = [f"lecture-{number:02d}.html" for number in range(1, 13)]
FEWEST, MOST = 15, 60
"""Slides of a lecture; a lecture on two notebooks has the most."""
SMALLEST = 12
"""Pixels of the smallest letters on a slide that is 720 pixels high."""
FAULTS = """() => {
  const faults = [];
  const section = Reveal.getCurrentSlide();
  const frame = section.querySelector('.frame'), body = section.querySelector('.body');
  const scale = Reveal.getScale();
  const outer = frame.getBoundingClientRect(), inner = body.getBoundingClientRect();
  if (section.scrollHeight > 720) faults.push(`the slide is ${section.scrollHeight} pixels high`);
  if (body.scrollHeight > body.clientHeight + 1)
    faults.push(`its body has ${body.scrollHeight} pixels, the room is ${body.clientHeight}`);
  const parts = '.body > *, .body p, .body li, .body pre, .body table, .body svg, h2';
  for (const part of section.querySelectorAll(parts)) {
    const box = part.getBoundingClientRect();
    if (box.width === 0) continue;
    if (box.left < outer.left - 1 || box.right > outer.right + 1 || box.bottom > outer.bottom + 1 ||
        box.top < outer.top - 1 || part.scrollWidth > part.clientWidth + 1 && part.tagName === 'PRE')
      faults.push(`${part.tagName} leaves the slide: ${part.textContent.slice(0, 60)}`);
    const size = parseFloat(getComputedStyle(part).fontSize);
    if (size < SMALLEST && !part.closest('svg'))
      faults.push(`letters of ${size} pixels: ${part.tagName}`);
  }
  for (const picture of section.querySelectorAll('img')) {
    const box = picture.getBoundingClientRect();
    if (!picture.complete || picture.naturalWidth === 0) faults.push(`${picture.src} is not loaded`);
    if (box.height < 200 * scale) faults.push(`${picture.src} is ${box.height} pixels high`);
    if (!picture.alt) faults.push(`${picture.src} has no alternative text`);
  }
  for (const formula of section.querySelectorAll('mjx-merror, [data-mjx-error]'))
    faults.push(formula.textContent);
  const text = section.querySelector('.frame').innerText;
  if (/\\\\[()\\[\\]]|\\$/.test(text)) faults.push(`a formula is not typeset: ${text.slice(0, 200)}`);
  return faults;
}""".replace("SMALLEST", str(SMALLEST))
"""What is wrong with the slide that is shown."""


@pytest.fixture(scope="module")
def address():
    """The slides, served on this machine."""
    assert (SLIDES / "index.html").exists(), "run python notebooks/slides.py first"
    handler = functools.partial(Quiet, directory=SLIDES)
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        thread = threading.Thread(target=server.serve_forever, daemon=True)
        thread.start()
        yield f"http://127.0.0.1:{server.server_address[1]}"
        server.shutdown()
        thread.join()


class Quiet(http.server.SimpleHTTPRequestHandler):
    """A server without a log."""

    def log_message(self, *_):
        """Nothing."""


@pytest.fixture
def page(browser, address):
    """A page of 1280 by 720 pixels that keeps a list of what goes wrong in `faults`."""
    page = browser.new_page(viewport={"width": 1280, "height": 720})
    page.faults = []
    page.on("console", lambda message: page.faults.append(message.text) if message.type == "error" else None)
    page.on("pageerror", lambda error: page.faults.append(str(error)))
    page.on("requestfailed", lambda request: page.faults.append(f"failed: {request.url}"))
    page.on("request", lambda request: page.faults.extend(outside(request.url, address)))
    yield page
    page.close()


def outside(url, address):
    """The address of a request that leaves this machine, in a list."""
    return [] if url.startswith((address, "data:", "blob:", "about:")) else [f"external: {url}"]


@pytest.mark.parametrize("name", PAGES)
def test_every_slide_fits_and_is_complete(page, address, name):
    page.goto(f"{address}/{name}")
    page.wait_for_function("window.Reveal && Reveal.isReady()")
    folder = PICTURES / Path(name).stem
    folder.mkdir(parents=True, exist_ok=True)
    for old in folder.glob("*.png"):
        old.unlink()
    count = page.evaluate("Reveal.getTotalSlides()")
    faults = list(page.faults)
    for number in range(count):
        page.evaluate(f"Reveal.slide({number}, 0, 99)")  # with its fragments
        faults += [f"slide {number + 1}: {fault}" for fault in page.evaluate(FAULTS)]
        page.screenshot(path=folder / f"{number + 1:02d}.png")
    assert not faults, "\n".join(faults)
    assert FEWEST <= count <= MOST
    assert page.evaluate("document.querySelectorAll('.frame mjx-container').length") > 0


def test_links_of_the_slides_lead_to_files():
    for name in [*PAGES, "index.html"]:
        text = (SLIDES / name).read_text(encoding="utf-8")
        for link in re.findall(r'(?:href|src)="([^"]+)"', text):
            if not link.startswith(("https://", "http://", "data:")):
                assert (SLIDES / link).exists(), f"{name}: {link}"


def test_the_index_leads_to_every_lecture(page, address):
    page.goto(f"{address}/index.html", wait_until="networkidle")  # leaving a page ends its requests
    assert page.evaluate("[...document.querySelectorAll('a')].map(a => a.getAttribute('href'))") == PAGES
    page.click("a")
    page.wait_for_function("window.Reveal && Reveal.isReady()")
    assert not page.faults


def test_answers_are_hidden_at_first(page, address):
    page.goto(f"{address}/lecture-02.html")
    page.wait_for_function("window.Reveal && Reveal.isReady()")
    number = page.evaluate("Reveal.getSlides().findIndex(slide => slide.querySelector('.predict .fragment'))")
    page.evaluate(f"Reveal.slide({number})")
    hidden = "getComputedStyle(Reveal.getCurrentSlide().querySelector('.fragment')).visibility"
    assert page.evaluate(hidden) == "hidden"
    page.keyboard.press("ArrowRight")
    assert page.evaluate("Reveal.getIndices().h") == number
    assert page.evaluate(hidden) != "hidden"


def test_the_speaker_sees_the_notes(page, address):
    page.goto(f"{address}/lecture-10.html")
    page.wait_for_function("window.Reveal && Reveal.isReady()")
    number = page.evaluate("Reveal.getSlides().findIndex(one => one.querySelector('aside mjx-container'))")
    page.evaluate(f"Reveal.slide({number})")
    with page.expect_popup() as opened:
        page.keyboard.press("s")
    view = opened.value
    notes = ".speaker-controls-notes"
    view.wait_for_function(f"document.querySelector('{notes} .value').textContent.length > 100")
    assert view.evaluate(f"document.querySelectorAll('{notes} mjx-container svg').length") > 0
    assert view.evaluate(f"document.querySelectorAll('{notes} mjx-assistive-mml').length") == 0
    assert not page.faults
    view.close()


def test_a_printed_lecture_has_a_page_for_each_slide(page, address):
    page.goto(f"{address}/lecture-11.html?print-pdf")
    page.wait_for_function("window.Reveal && Reveal.isReady()")
    page.wait_for_selector(".pdf-page")
    count = page.evaluate("document.querySelectorAll('.pdf-page').length")
    assert count == page.evaluate("Reveal.getTotalSlides()")
