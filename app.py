"""CDK entry: one stage per environment. Makes no AWS call and needs no credentials.

``cdk ls`` shows ``dev/metering``, ``dev/credits`` and so on for ``staging`` and ``prod``.
``make deploy ENV=prod`` deploys all of one environment and refuses one that is not finished; ``cdk
deploy "prod/*"`` does the same without asking.
"""

from infra.environment import refuse_shared_connections
from infra.environments import DEV, PROD, STAGING
from infra.stages import BillingPipelines, checked_app

ENVIRONMENTS = (DEV, STAGING, PROD)

refuse_shared_connections(ENVIRONMENTS)
app = checked_app()
for environment in ENVIRONMENTS:
    BillingPipelines(app, environment=environment)
app.synth()
