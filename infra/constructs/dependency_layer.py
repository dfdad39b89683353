"""Third-party packages of the functions, built for Lambda from the lock file without Docker.

pip picks ready-made wheels for the target, whatever machine this is. The result is kept under
``.cache`` by the digest of the lock file and of this recipe, so it is built once.
"""

import hashlib
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from aws_cdk import aws_lambda as lambda_
from constructs import Construct

from infra import ROOT
from infra.constructs.task_function import ARCHITECTURE, PYTHON

LOCK = ROOT / "requirements-lambda.lock"
CACHE = ROOT / ".cache" / "layers"

# Lambda's Python 3.13 runs on Amazon Linux 2023 (glibc 2.34). pip matches these tags literally.
TARGET = (
    *("--platform", "manylinux2014_aarch64"),
    *("--platform", "manylinux_2_24_aarch64"),
    *("--platform", "manylinux_2_28_aarch64"),
    *("--python-version", "3.13", "--implementation", "cp", "--only-binary", ":all:"),
)

# Scripts start with the path of the Python that installed them, and RECORD lists their digests:
# both differ between machines, and nothing in a Lambda reads them.
LEAVE_OUT = ("bin", "tests", "__pycache__", "RECORD", "INSTALLER", "REQUESTED", "direct_url.json")


class LayerNotBuilt(RuntimeError):
    """Pip could not fetch the packages of the lock file."""


class DependencyLayer(lambda_.LayerVersion):
    """The layer that every task function shares."""

    def __init__(self, scope: Construct, id_: str) -> None:
        """Name the asset by the digest: no need to read tens of megabytes at every synth."""
        digest = recipe_digest()
        super().__init__(
            scope,
            id_,
            description="Third-party packages from requirements-lambda.lock",
            code=lambda_.Code.from_asset(str(built_layer(digest)), asset_hash=digest),
            compatible_runtimes=[PYTHON],
            compatible_architectures=[ARCHITECTURE],
        )


def recipe_digest() -> str:
    """Change when the packages change or the way they are put together."""
    recipe = "\n".join((*TARGET, *LEAVE_OUT)).encode()
    return hashlib.sha256(LOCK.read_bytes() + recipe).hexdigest()


def built_layer(digest: str) -> Path:
    """Give the folder with the layer, building it when it is not there.

    Built beside and renamed, so that an interrupted build or two at a time leave no half layer.
    """
    layer = CACHE / digest
    if layer.is_dir():
        return layer
    CACHE.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=CACHE) as building:
        fresh = Path(building) / "layer"
        _install(fresh / "python")
        try:
            fresh.rename(layer)
        except OSError:
            if not layer.is_dir():
                raise
    return layer


def _install(target: Path) -> None:
    command = [sys.executable, "-m", "pip", "install", "--quiet", "--no-input", "--no-compile"]
    command += ["--disable-pip-version-check", "--require-hashes", *TARGET]
    command += ["--target", str(target), "--requirement", str(LOCK)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)  # noqa: S603
    if done.returncode != 0:
        raise LayerNotBuilt(
            f"the dependency layer could not be built from {LOCK.name}:\n{done.stderr}"
        )
    for path in [found for name in LEAVE_OUT for found in target.rglob(name)]:
        shutil.rmtree(path) if path.is_dir() else path.unlink(missing_ok=True)
