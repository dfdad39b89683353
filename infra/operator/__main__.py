"""`billing`, as the launcher in .venv/bin starts it."""

from infra.operator import acting, doctor, drill, restoring  # noqa: F401  # their verbs join the command
from infra.operator.command import main

if __name__ == "__main__":
    main()
