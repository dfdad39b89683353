"""The one zip: the ``functions`` package under its own name, and nothing else of the project.

The same import works in tests, on this machine and in Lambda, and two Lambdas can never run
different versions of a rule. Excluding everything first keeps ``.venv``, data and docs out.
"""

from aws_cdk import IgnoreMode
from aws_cdk import aws_lambda as lambda_

from infra import ROOT

EXCLUDE = ["*", "!functions", "!functions/**", "__pycache__", "*.pyc", ".DS_Store"]


def functions_code() -> lambda_.Code:
    """Take the package from the root of the project; one object serves one stack."""
    return lambda_.Code.from_asset(str(ROOT), exclude=EXCLUDE, ignore_mode=IgnoreMode.GIT)
