"""`billing drill`: it sets the scene without blocking, and judges what the operator did."""

import shlex
from pathlib import Path

from tests.unit.operator.typed import Billing, answer


def test_a_drill_is_settled_with_the_commands_that_it_prints(
    billing: Billing, tmp_path: Path
) -> None:
    folder = tmp_path / "drill"
    scene = billing("drill", folder, "--json")
    assert scene.exit_code == 0, scene.output
    commands = answer(scene)["commands"]
    assert len(commands) == 2
    unsettled = billing("drill", folder, "--check")
    assert (unsettled.exit_code, "2 of 2 contracts" in unsettled.stdout) == (1, True)
    for text in commands:
        words = shlex.split(text.replace("OUTCOME", "accepted").replace("...", "Clazar lists it"))
        ran = billing(*words[1:])
        assert ran.exit_code == 0, ran.output
        assert "SUCCEEDED" in ran.stdout
    settled = billing("drill", folder, "--check")
    assert (settled.exit_code, "Both contracts are settled" in settled.stdout) == (0, True)


def test_a_folder_that_exists_is_never_overwritten(billing: Billing, tmp_path: Path) -> None:
    (tmp_path / "mine").write_text("keep")
    assert billing("drill", tmp_path).exit_code == 2
    assert billing("drill", tmp_path, "--check").exit_code == 2
    assert (tmp_path / "mine").read_text() == "keep"
