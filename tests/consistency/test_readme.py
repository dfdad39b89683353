"""The README is short, its links lead somewhere, and its examples do what it says."""

import os
import re
import shlex
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
README = (ROOT / "README.md").read_text(encoding="utf-8")
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]
EXAMPLES = [
    line.strip()
    for line in re.sub(r"\\\n\s*", "", README).splitlines()
    if line.startswith("    .venv/bin/") and "docs/examples" in line
]


def test_the_readme_has_at_most_1500_words() -> None:
    assert len(README.split()) <= 1_500


def headings(page: Path) -> set[str]:
    """Return the anchors of a page, as GitHub makes them."""
    found = re.findall(r"^#+ (.+)$", page.read_text(encoding="utf-8"), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", text.lower()).replace(" ", "-") for text in found}


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_every_link_leads_to_a_file_and_a_heading(page: Path) -> None:
    for target in re.findall(r"\]\(([^)\s]+)\)", page.read_text(encoding="utf-8")):
        if "://" in target:
            continue
        path, _, anchor = target.partition("#")
        file = page.parent / path if path else page
        assert file.exists(), f"{page.name}: {target}"
        assert not anchor or anchor in headings(file), f"{page.name}: {target}"


def test_every_document_is_named_in_the_readme() -> None:
    assert {page.name for page in PAGES[1:]} <= set(re.findall(r"\(docs/([\w-]+\.md)", README))


def test_the_examples_do_what_the_readme_says(tmp_path: Path) -> None:
    said = []
    for line in EXAMPLES:
        given = line.replace(".demo/", f"{tmp_path}/").replace(" .venv", f" {ROOT}/.venv")
        done = subprocess.run(
            shlex.split(given),
            cwd=ROOT,
            env={**os.environ, "COLUMNS": "200"},
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )
        assert done.returncode == 0, f"{line}\n{done.stdout}\n{done.stderr}"
        said.append(done.stdout)
    checked, posted, preview, billed, explained = said
    assert "3 rows of 1 month" in checked
    assert "verified" in posted
    assert "nothing was sent" in preview
    assert "submitted" in billed
    assert "add up exactly" in explained
