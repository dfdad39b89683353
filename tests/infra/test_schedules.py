import json

from infra.environment import EARLY_AND_DAILY
from infra.schedules import RECONCILE
from tests.infra.templates import Template


def test_every_plan_has_a_schedule_that_passes_its_own_time(metering_stack: Template) -> None:
    inputs = [
        json.loads(schedule["Target"]["Input"])
        for schedule in metering_stack.properties("AWS::Scheduler::Schedule")
    ]
    assert inputs == [
        {"plan": plan.key, "as_of": "<aws.scheduler.scheduled-time>", **more}
        for plan in metering_stack.environment.parsed_plans
        for more in [*({} for _ in EARLY_AND_DAILY), *[{"reconcile": "last"}] * (not plan.dry_run)]
    ]


def test_every_plan_that_bills_is_reconciled_on_the_third(metering_stack: Template) -> None:
    found = [
        schedule["ScheduleExpression"]
        for schedule in metering_stack.properties("AWS::Scheduler::Schedule")
        if "reconcile" in schedule["Target"]["Input"]
    ]
    billing = [plan for plan in metering_stack.environment.parsed_plans if not plan.dry_run]
    assert found == [RECONCILE for _ in billing]
    assert RECONCILE.split()[2] == "3"


def test_schedules_run_early_in_the_month_and_daily_in_utc(metering_stack: Template) -> None:
    schedules = metering_stack.properties("AWS::Scheduler::Schedule")
    expressions = {schedule["ScheduleExpression"] for schedule in schedules}
    assert expressions <= {*EARLY_AND_DAILY, RECONCILE}
    assert expressions >= set(EARLY_AND_DAILY)
    for schedule in schedules:
        assert schedule["ScheduleExpressionTimezone"] == "Etc/UTC"
        assert schedule["FlexibleTimeWindow"] == {"Mode": "OFF"}


def test_a_start_that_fails_is_tried_again_and_then_kept(metering_stack: Template) -> None:
    (queue,) = metering_stack.resources("AWS::SQS::Queue")
    for schedule in metering_stack.properties("AWS::Scheduler::Schedule"):
        target = schedule["Target"]
        assert target["RetryPolicy"]["MaximumRetryAttempts"] > 0
        assert target["DeadLetterConfig"]["Arn"] == {"Fn::GetAtt": [queue, "Arn"]}


def test_lost_starts_are_encrypted_and_kept_for_two_weeks(template: Template) -> None:
    (queue,) = template.properties("AWS::SQS::Queue")
    assert queue["SqsManagedSseEnabled"] is True
    assert queue["MessageRetentionPeriod"] == 14 * 24 * 3600


def test_the_schedules_may_start_this_machine_and_nothing_else(metering_stack: Template) -> None:
    (machine,) = metering_stack.resources("AWS::StepFunctions::StateMachine")
    rights = metering_stack.rights_of("Schedules")
    assert rights.keys() == {"states:StartExecution", "sqs:SendMessage"}
    assert rights["states:StartExecution"] == [{"Ref": machine}]
