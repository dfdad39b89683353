"""Pages in a real browser: Chromium from the system, driven by playwright."""

import os
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, sync_playwright

from tests.browser.pages import PAGES, ROOT

NAMES = ("chromium", "chromium-browser", "google-chrome")
AXE = ROOT / "node_modules/axe-core/axe.min.js"
SHOTS = ROOT / "build/screenshots"


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    """One Chromium for all tests; skipped, with how to get it, where there is none."""
    found = os.environ.get("CHROMIUM") or next(filter(None, map(shutil.which, NAMES)), None)
    if found is None:
        pytest.skip("no Chromium: run `make browser` as root on Debian, or set CHROMIUM to one")
    with sync_playwright() as playwright:
        started = playwright.chromium.launch(executable_path=found, args=["--no-sandbox"])
        yield started
        started.close()


@pytest.fixture(scope="session")
def files(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """The pages as files, as they are opened from a download folder."""
    folder = tmp_path_factory.mktemp("pages")
    SHOTS.mkdir(parents=True, exist_ok=True)
    for name, body in PAGES.items():
        (folder / f"{name}.html").write_bytes(body())
    return {name: folder / f"{name}.html" for name in PAGES}


@pytest.fixture
def opened(
    browser: Browser, files: dict[str, Path], request: pytest.FixtureRequest
) -> Iterator[Page]:
    """A page, offline and in a window of a size; both come from the test's parameters."""
    name, width, scheme = request.param
    page = browser.new_page(
        viewport={"width": width, "height": 800}, color_scheme=scheme, offline=True
    )
    page.goto(files[name].as_uri())
    yield page
    page.close()
