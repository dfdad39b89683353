import json

from infra.environments import DEV, EARLY_IN_THE_MONTH, PROD, STAGING
from tests.infra.templates import Template


def test_every_plan_has_a_schedule_that_passes_its_own_time(template: Template) -> None:
    (environment,) = (
        e for e in (DEV, STAGING, PROD) if f'"/{e.name}/metering/plans"' in template.text
    )
    inputs = [
        json.loads(schedule["Properties"]["Target"]["Input"])
        for schedule in template.resources("AWS::Scheduler::Schedule").values()
    ]
    assert inputs == [
        {"plan": plan.key, "as_of": "<aws.scheduler.scheduled-time>"}
        for plan in environment.parsed_plans
    ]


def test_schedules_run_early_in_the_month_in_utc(template: Template) -> None:
    for schedule in template.resources("AWS::Scheduler::Schedule").values():
        properties = schedule["Properties"]
        assert properties["ScheduleExpression"] == EARLY_IN_THE_MONTH
        assert properties["ScheduleExpressionTimezone"] == "Etc/UTC"
        assert properties["FlexibleTimeWindow"] == {"Mode": "OFF"}


def test_a_start_that_fails_is_tried_again_and_then_kept(template: Template) -> None:
    (queue,) = template.resources("AWS::SQS::Queue")
    for schedule in template.resources("AWS::Scheduler::Schedule").values():
        target = schedule["Properties"]["Target"]
        assert target["RetryPolicy"]["MaximumRetryAttempts"] > 0
        assert target["DeadLetterConfig"]["Arn"] == {"Fn::GetAtt": [queue, "Arn"]}


def test_lost_starts_are_encrypted_and_kept_for_two_weeks(template: Template) -> None:
    (queue,) = template.resources("AWS::SQS::Queue").values()
    assert queue["Properties"]["SqsManagedSseEnabled"] is True
    assert queue["Properties"]["MessageRetentionPeriod"] == 14 * 24 * 3600


def test_the_schedules_may_start_this_machine_and_nothing_else(template: Template) -> None:
    (machine,) = template.resources("AWS::StepFunctions::StateMachine")
    rights = {
        right["Action"]: right["Resource"]
        for owner, right in template.rights()
        if owner == "Schedules"
    }
    assert rights.keys() == {"states:StartExecution", "sqs:SendMessage"}
    assert rights["states:StartExecution"] == {"Ref": machine}
