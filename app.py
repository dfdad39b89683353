"""CDK entry: one stage per environment. Makes no AWS call and needs no credentials.

``cdk ls`` shows ``dev/metering``, ``staging/metering`` and ``prod/metering``;
``cdk deploy "prod/*"`` deploys all of one environment.
"""

from infra.environments import DEV, PROD, STAGING
from infra.stages import BillingPipelines, checked_app

app = checked_app()
for environment in (DEV, STAGING, PROD):
    BillingPipelines(app, environment=environment)
app.synth()
