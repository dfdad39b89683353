import re
from pathlib import Path

import pytest

from infra import ROOT
from infra.constructs import dependency_layer
from infra.constructs.dependency_layer import LayerNotBuilt, built_layer, recipe_digest

LOCK = (ROOT / "requirements-lambda.lock").read_text(encoding="utf-8")


@pytest.fixture(scope="module")
def layer() -> Path:
    return built_layer(recipe_digest())


def test_the_layer_holds_every_locked_package(layer: Path) -> None:
    locked = {name.replace("-", "_") for name in re.findall(r"^([a-z0-9-]+)==", LOCK, re.MULTILINE)}
    present = {path.name.split("-")[0].lower() for path in layer.glob("python/*.dist-info")}
    assert present == locked


def test_every_compiled_module_is_for_the_processor_of_the_functions(layer: Path) -> None:
    compiled = list(layer.rglob("*.so"))
    assert compiled
    machine_in_elf_header = {path.read_bytes()[18] for path in compiled}
    assert machine_in_elf_header == {0xB7}  # aarch64


def test_the_layer_fits_into_lambda_with_room_for_the_code(layer: Path) -> None:
    size = sum(path.stat().st_size for path in layer.rglob("*") if path.is_file())
    assert size < 200_000_000  # Lambda takes 250 MB unzipped


def test_nothing_in_the_layer_differs_between_machines(layer: Path) -> None:
    names = {path.name for path in layer.rglob("*")}
    assert not names & {"__pycache__", "RECORD", "direct_url.json"}
    assert not (layer / "python" / "bin").exists()
    here = str(ROOT).encode()
    assert not [path for path in layer.rglob("*") if path.is_file() and here in path.read_bytes()]


def test_the_lock_has_no_markers_because_pip_would_read_them_for_this_machine() -> None:
    assert not [line for line in LOCK.splitlines() if "==" in line and ";" in line]


def test_a_lock_that_cannot_be_fetched_stops_the_synth_and_leaves_no_half_layer(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    lock = tmp_path / "broken.lock"
    lock.write_text("boto3==1.0.0 --hash=sha256:" + "0" * 64 + "\n")
    monkeypatch.setattr(dependency_layer, "LOCK", lock)
    monkeypatch.setattr(dependency_layer, "CACHE", tmp_path / "layers")
    with pytest.raises(LayerNotBuilt, match=r"broken\.lock"):
        built_layer("digest")
    assert list((tmp_path / "layers").iterdir()) == []
