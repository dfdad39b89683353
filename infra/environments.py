"""Every difference between dev, staging and prod, on one screen.

What a setting means and may be stands in `infra/environment.py`; `make synth` checks it.
"""

from infra.environment import SAMPLE_PLAN, Environment, placeholder

# For `alarm_email` of an environment that bills and whose alarms are meant to reach no address.
NOBODY = ""

POSTGRES = {
    "service": "Postgres",
    "environment_type": "PROD",
    "plan_id": SAMPLE_PLAN,
    "cloud": "aws",
}

CLAZAR, CLOUDZERO = "https://api.clazar.io", "https://api.cloudzero.com"

# Only one environment may bill: each has a ledger of its own, and Clazar cannot take a record back.
REHEARSED = {**POSTGRES, "dry_run": True}

# SAMPLE_PLAN is to become the id of a plan of yours, as in the path of its usage files.
# A placeholder below is to become the id of the environment's own AnyCost Stream connection
# (CloudZero: Settings > Billing Connections). An environment that bills needs an alarm_email, too.

DEV = Environment(
    name="dev",
    plans=(REHEARSED,),
    clazar_url=CLAZAR,
    cloudzero_url=CLOUDZERO,
    cloudzero_connection_id=placeholder("dev"),
    usage_bucket=None,
    keep_data=False,
    log_days=7,
)

STAGING = Environment(
    name="staging",
    plans=(REHEARSED,),
    clazar_url=CLAZAR,
    cloudzero_url=CLOUDZERO,
    cloudzero_connection_id=placeholder("staging"),
    usage_bucket=None,
    keep_data=False,
    log_days=30,
)

PROD = Environment(
    name="prod",
    plans=(POSTGRES,),
    clazar_url=CLAZAR,
    cloudzero_url=CLOUDZERO,
    cloudzero_connection_id=placeholder("prod"),
    usage_bucket=None,
    keep_data=True,
    log_days=365,
    mails_closed=True,
)
