"""Every page of the built site in a browser, on a desk and on a phone; links, search and navigation."""

import re
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote, urlsplit

import pytest

import splinekan
import splinekan_theory

BUILD = Path(__file__).parent.parent.parent / "build"
SITE = BUILD / "site"
PAGES = sorted(
    path.relative_to(SITE).as_posix()
    for path in SITE.rglob("*.html")
    if path.relative_to(SITE).parts[0] not in ("_static", "slides")
)
WIDTHS = (1280, 390)
"""Pixels: a laptop, a phone."""
TALLEST = 3000
"""Pixels of a picture."""
SECONDS = 60_000
"""Milliseconds after which a page hangs: the machine may be busy."""

ABORTED = "net::ERR_ABORTED"
"""A request that was not waited for when another page was opened."""

READY = "window.MathJax && MathJax.startup ? MathJax.startup.promise.then(() => true) : true"
FAULTS = r"""() => {
  const faults = [], article = document.querySelector("article") || document.body;
  const add = (bad, text) => { if (bad) faults.push(text); };
  add(!document.title.trim(), "no title");
  add(document.querySelectorAll("h1").length !== 1, "not a single h1");
  for (const image of document.images) {
    add(!image.naturalWidth, `image not loaded: ${image.src}`);
    add(!image.alt.trim() || /\.(png|svg)$/.test(image.alt), `image without a description: ${image.src}`);
  }
  for (const formula of document.querySelectorAll(".math"))
    add(!formula.querySelector("mjx-container"), `formula not rendered: ${formula.textContent}`);
  for (const error of document.querySelectorAll("mjx-merror, [data-mml-node=merror]"))
    faults.push(`wrong formula: ${error.textContent}`);
  const copy = article.cloneNode(true);
  copy.querySelectorAll("pre, code, mjx-container, script, style").forEach((each) => each.remove());
  const raw = /\\\(|\\\[|\$\$|\\begin\{/.exec(copy.textContent);
  add(raw, `raw mathematics: ${raw && copy.textContent.slice(raw.index, raw.index + 60)}`);
  return faults;
}"""
BACKGROUND = "getComputedStyle(document.body).backgroundColor"
OVERFLOW = """() => {
  const width = document.documentElement.clientWidth, wide = [];
  if (document.documentElement.scrollWidth > width) wide.push("the page scrolls sideways");
  const scrolls = (each) => /auto|scroll/.test(getComputedStyle(each).overflowX);
  const visit = (each) => {  // what lies in a box that scrolls may be wide
    if (each.getBoundingClientRect().right > width + 1)
      wide.push(`${each.tagName}.${each.className}: ${each.textContent.trim().slice(0, 40)}`);
    else if (!scrolls(each)) [...each.children].forEach(visit);
  };
  visit(document.querySelector("article") || document.querySelector("main") || document.body);
  return wide.slice(0, 5);
}"""


@pytest.fixture
def page(browser, site):
    """A page that collects what goes wrong on it."""
    page = browser.new_page(base_url=site)
    page.set_default_timeout(SECONDS)
    page.faults = []
    page.on("console", lambda message: message.type == "error" and page.faults.append(message.text))
    page.on("pageerror", lambda error: page.faults.append(str(error)))
    page.on(
        "requestfailed",
        lambda request: request.failure == ABORTED or page.faults.append(f"failed: {request.url}"),
    )
    page.on(
        "request",
        lambda request: (
            request.url.startswith((site, "data:", "blob:"))
            or page.faults.append(f"request to another host: {request.url}")
        ),
    )
    yield page
    page.close()


def picture(page, name, width):
    """Take a picture of the page at the width, and return its faults there."""
    page.set_viewport_size({"width": width, "height": 900})
    overflow = [f"wider than {width} pixels: {part}" for part in page.evaluate(OVERFLOW)]
    height = min(TALLEST, page.evaluate("document.documentElement.scrollHeight"))
    path = BUILD / "pictures" / str(width) / f"{name.removesuffix('.html')}.jpg"
    path.parent.mkdir(parents=True, exist_ok=True)
    clip = {"x": 0, "y": 0, "width": width, "height": height}
    page.screenshot(path=path, full_page=True, clip=clip, type="jpeg", quality=70)
    return overflow


def test_the_site_is_built():
    assert "index.html" in PAGES, "make docs"


@pytest.mark.parametrize("name", PAGES)
def test_page(page, name):
    page.goto(name)
    page.evaluate(READY)
    faults = page.evaluate(FAULTS)
    for width in WIDTHS:
        faults += picture(page, name, width)
    assert page.faults + faults == []


class Links(HTMLParser):
    """The targets and the anchors of a page."""

    def __init__(self, path):
        super().__init__()
        self.targets, self.anchors = set(), set()
        self.feed(path.read_text(encoding="utf-8"))

    def handle_starttag(self, tag, attributes):
        """Note ids, and the addresses of links, images, styles and programs."""
        for name, value in attributes:
            if name == "id" or (tag == "a" and name == "name"):
                self.anchors.add(value)
            if name in ("href", "src") and value:
                self.targets.add(value)


def test_links_within_the_site_lead_somewhere():
    pages = {name: Links(SITE / name) for name in PAGES}
    broken = []
    for name, links in pages.items():
        for target in links.targets:
            url = urlsplit(target)
            if url.scheme or url.netloc:
                continue
            path = (SITE / name).parent / unquote(url.path) if url.path else SITE / name
            other = pages.get(path.resolve().relative_to(SITE.resolve()).as_posix())
            if not path.is_file() or (other and url.fragment and unquote(url.fragment) not in other.anchors):
                broken.append(f"{name}: {target}")
    assert broken == []


def test_nothing_is_fetched_from_other_hosts():
    """Scripts, styles and images; links for the reader to follow may lead anywhere."""
    pattern = re.compile(r"<(?:script|img|link|iframe)\b[^>]*\b(?:src|href)=\"(?:https?:)?//[^\"]*\"")
    found = {name: pattern.findall((SITE / name).read_text(encoding="utf-8")) for name in PAGES}
    assert {name: each for name, each in found.items() if each} == {}


@pytest.mark.parametrize("name", splinekan.__all__)
def test_every_public_name_has_a_page(name):
    assert f"splinekan.{name}" in Links(SITE / "reference" / "generated" / f"splinekan.{name}.html").anchors


def test_the_theory_has_every_public_name():
    anchors = Links(SITE / "reference" / "theory.html").anchors
    assert [name for name in splinekan_theory.__all__ if f"splinekan_theory.{name}" not in anchors] == []


def test_search_finds_and_leads_to_a_page(page):
    page.goto("index.html")
    page.keyboard.press("Control+k")
    page.locator("dialog input[type=search]").fill("prolongation")
    page.keyboard.press("Enter")
    page.wait_for_url("**/search.html?q=prolongation*")
    page.wait_for_function("document.querySelectorAll('#search-results ul.search li a').length >= 10")
    page.locator("#search-results ul.search li a").first.click()
    page.wait_for_url(lambda url: "search.html" not in url)
    assert page.locator("article").get_by_text("prolongation").count() > 0
    assert page.faults == []


def test_the_menu_of_a_phone_opens_the_doors(page):
    page.set_viewport_size({"width": 390, "height": 800})
    page.goto("index.html")
    page.locator("button.primary-toggle:visible").click()
    page.locator("dialog").get_by_role("link", name="Understand").click()
    page.wait_for_url("**/understand.html")
    assert page.faults == []


def test_light_and_dark(page):
    page.emulate_media(color_scheme="light")
    page.goto("index.html")
    light = page.evaluate(BACKGROUND)
    page.locator("button.theme-switch-button:visible").click()
    page.locator("button.theme-change-button[data-mode=dark]:visible").click()
    assert page.evaluate(BACKGROUND) != light
    assert page.faults == []
