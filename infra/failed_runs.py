"""Rules that mail every bad end that the run itself has not mailed: its cause bears no mark."""

import json
import re
from typing import cast

from aws_cdk import aws_events as events
from aws_cdk import aws_events_targets as targets
from aws_cdk import aws_sqs as sqs
from aws_cdk import aws_stepfunctions as sfn

from infra.alarms import Alarms

MAILED = "Mailed: "  # the definitions put it before the cause


def mail_failed_runs(alarms: Alarms, machine: sfn.StateMachine, lost: sqs.Queue) -> None:
    """Send such an end to the topic, or keep it with the starts that were lost.

    Two rules, because only a failure is sure to have an error and a cause: a template with a
    value that an event lacks might not be delivered.
    """
    cause = events.Match.any_of(
        events.Match.anything_but_prefix(MAILED),
        events.Match.null_value(),
        events.Match.does_not_exist(),
    )
    for id_, end, explained in (
        ("EndedWithoutMail", {"status": ["FAILED"], "cause": cause}, ("error", "cause")),
        ("Stopped", {"status": ["TIMED_OUT", "ABORTED"]}, ()),
    ):
        rule = events.Rule(
            alarms,
            id_,
            description="A run has ended badly and has not mailed it",
            event_pattern=events.EventPattern(
                source=["aws.states"],
                detail_type=["Step Functions Execution Status Change"],
                detail={"stateMachineArn": [machine.state_machine_arn], **end},
            ),
            targets=[targets.SnsTopic(alarms.topic, dead_letter_queue=lost)],
        )
        resource = cast("events.CfnRule", rule.node.default_child)
        mail = _mail(alarms, ("name", "status", *explained, "executionArn"))
        resource.add_property_override("Targets.0.InputTransformer", mail)


def _mail(alarms: Alarms, names: tuple[str, ...]) -> dict[str, object]:
    lines = {
        "what": f"{alarms.where}: a run failed",
        **{name: f"<{name}>" for name in names},
        "safe": "What was sent is on record and is never sent twice.",
        "next": "Remove the cause, then start it again with the same input.",
        "runbook": f"{alarms.runbook_url}#a-run-failed",
    }
    # A value outside of quotation marks is put in as JSON, whatever it holds.
    template = re.sub('"(<[A-Za-z]+>)"', r"\1", json.dumps(lines, indent=1))
    return {"InputPathsMap": {n: f"$.detail.{n}" for n in names}, "InputTemplate": template}
