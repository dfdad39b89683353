"""The app with its checks, and what one environment consists of."""

import json
from typing import Any

from aws_cdk import App, Stage, Tags, Validations
from cdk_nag import AwsSolutionsChecks, ServerlessChecks

from infra import ROOT
from infra.credits import CreditsStack
from infra.environment import Environment
from infra.metering import MeteringStack


def checked_app(**props: Any) -> App:
    """Make an app whose synth fails on a finding of the AWS Solutions or Serverless rules.

    The feature flags of cdk.json are read here as well, so that ``python app.py``, the tests and
    the CDK command make the same templates.
    """
    flags = json.loads((ROOT / "cdk.json").read_text(encoding="utf-8"))["context"]
    app = App(context=flags, analytics_reporting=False, **props)
    Validations.of(app).add_plugins(AwsSolutionsChecks(app), ServerlessChecks(app))
    return app


class BillingPipelines(Stage):
    """All stacks of one environment."""

    def __init__(self, scope: App, *, environment: Environment) -> None:
        """Deploy under the environment's own name."""
        super().__init__(scope, environment.name)
        MeteringStack(self, "metering", environment=environment)
        CreditsStack(self, "credits", environment=environment)
        Tags.of(self).add("application", "billing-pipelines")
        Tags.of(self).add("environment", environment.name)
