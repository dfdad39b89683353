from __future__ import annotations

import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[3]


def test_make_writes_a_launcher_that_works_from_any_folder_and_with_a_blank_in_its_path(
    tmp_path: Path,
) -> None:
    project = tmp_path / "a project"
    (project / ".venv" / "bin").mkdir(parents=True)
    (project / ".venv" / "bin" / "python").symlink_to(sys.executable)
    package = project / "infra" / "operator"
    package.mkdir(parents=True)
    (package / "__main__.py").write_text("import sys\nprint(sys.argv[1:])\n")
    (project / "Makefile").write_text(
        (ROOT / "Makefile")
        .read_text()
        .replace(".venv/bin/billing: $(PACKAGES)", ".venv/bin/billing:")
    )
    subprocess.run(["make", "-s", ".venv/bin/billing"], cwd=project, check=True)  # noqa: S607
    ran = subprocess.run(
        [project / ".venv" / "bin" / "billing", "check", "a file.csv"],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=True,
    )
    assert ran.stdout == "['check', 'a file.csv']\n"
