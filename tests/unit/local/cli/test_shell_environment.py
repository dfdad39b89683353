"""What the shell has set for the real AWS and for other programs does not reach this one."""

from tests.unit.local.cli.test_command_line import python


def test_importing_the_local_machine_changes_nothing_of_the_process() -> None:
    said = (
        "import os, sys; before = dict(os.environ);"
        "import infra.local.account;"
        "import infra.local.partners.clazar.server, infra.local.partners.cloudzero.server;"
        "assert dict(os.environ) == before;"
        "assert 'moto.ec2' not in sys.modules"
    )
    ran = python("-c", said, AWS_PROFILE="nope", AWS_REGION="eu-central-1")
    assert ran.returncode == 0, ran.stderr


def test_a_python_without_the_packages_says_what_to_do() -> None:
    done = python("-S", "-m", "infra.local", "--help")
    assert done.returncode == 1
    assert "run `make setup`" in done.stderr
    assert "Traceback" not in done.stderr
