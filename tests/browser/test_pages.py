"""Every page on a desk, a phone and paper, in the dark, by keyboard and screen reader."""

import re
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, Page, ViewportSize

from tests.browser.conftest import AXE, SHOTS
from tests.browser.pages import PAGES

DESKTOP, PHONE = 1280, 390
PAPER: ViewportSize = {"width": 966, "height": 726}  # letter, landscape, without its margins
SCREENS = [(name, *kind) for name in PAGES for kind in ((DESKTOP, "light"), (PHONE, "dark"))]
ON_EVERY_SCREEN = pytest.mark.parametrize("opened", SCREENS, indirect=True, ids=str)
ON_A_PHONE = pytest.mark.parametrize(
    "opened", [(name, PHONE, "light") for name in PAGES], indirect=True, ids=str
)


@ON_EVERY_SCREEN
def test_nothing_is_in_the_way_of_a_screen_reader(
    opened: Page, request: pytest.FixtureRequest
) -> None:
    name = "-".join(map(str, request.node.callspec.params["opened"]))
    opened.screenshot(path=SHOTS / f"{name}.png", full_page=True)
    opened.add_script_tag(path=AXE)
    found = opened.evaluate("async () => (await axe.run()).violations.map(v => v.id + v.help)")
    assert found == []


@ON_A_PHONE
def test_a_phone_scrolls_tables_and_never_the_page(opened: Page) -> None:
    assert opened.evaluate("document.documentElement.scrollWidth") <= PHONE
    for table in opened.locator("table").all():
        box = table.evaluate("t => [t.scrollWidth, t.parentElement.scrollWidth]")
        assert box[0] <= box[1]


@ON_A_PHONE
def test_what_scrolls_can_be_reached_by_keyboard(opened: Page) -> None:
    regions = opened.locator(".wide").count()
    focused = []
    for _ in range(regions):
        opened.keyboard.press("Tab")
        focused.append(opened.evaluate("document.activeElement.getAttribute('aria-label')"))
    assert len(set(focused)) == regions
    assert None not in focused


@ON_A_PHONE
def test_what_strangers_have_written_stays_text(opened: Page) -> None:
    assert "owned" not in opened.title()
    assert opened.locator("main script").count() == 0
    assert "<script>" in opened.locator("main").inner_text()


@pytest.mark.parametrize("name", PAGES)
def test_on_paper_heads_repeat_no_row_is_cut_and_no_column_is_lost(
    name: str, browser: Browser, files: dict[str, Path]
) -> None:
    page = browser.new_page(viewport=PAPER)
    page.goto(files[name].as_uri())
    page.emulate_media(media="print")
    printed = page.pdf(path=SHOTS / f"{name}.pdf", prefer_css_page_size=True)
    (size,) = set(re.findall(rb"/MediaBox \[0 0 ([\d.]+) ([\d.]+)\]", printed))
    assert float(size[0]) > float(size[1])
    heads = _each(page, "thead", "getComputedStyle(e).display")
    rows = _each(page, "tr", "getComputedStyle(e).breakInside")
    widths = _each(page, "table", "e.scrollWidth - innerWidth")
    page.close()
    assert set(heads) == {"table-header-group"}
    assert set(rows) == {"avoid"}
    assert max(widths) <= 0


def _each(page: Page, selector: str, expression: str) -> list[Any]:
    found: list[Any] = page.evaluate(
        f"[...document.querySelectorAll('{selector}')].map(e => {expression})"
    )
    return found
