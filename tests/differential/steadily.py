"""How the generated tests run: the same cases every time, however busy the machine is."""

from hypothesis import settings

steadily = settings(derandomize=True, deadline=None)
