"""CDK entry: one stage per environment. Makes no AWS call and needs no credentials.

``cdk ls`` shows ``dev/metering``, ``dev/credits`` and so on for ``staging`` and ``prod``.
``cdk deploy "prod/*"`` deploys all of one environment, ``cdk deploy prod/credits`` one pipeline.
"""

from infra.environments import DEV, PROD, STAGING, refuse_shared_connections
from infra.stages import BillingPipelines, checked_app

ENVIRONMENTS = (DEV, STAGING, PROD)

refuse_shared_connections(ENVIRONMENTS)
app = checked_app()
for environment in ENVIRONMENTS:
    BillingPipelines(app, environment=environment)
app.synth()
