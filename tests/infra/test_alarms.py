"""Alarms have names and texts that an operator can act on, and watch what is really emitted."""

import re
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from functions import metrics
from functions.metrics import Metric
from infra import definitions
from infra.failed_runs import MAILED
from tests.in_memory.machine import Execution
from tests.infra.ringing import Mailing
from tests.infra.templates import Template

ROOT = Path(__file__).parents[2]
RUNBOOK = (ROOT / "docs" / "runbook.md").read_text(encoding="utf-8")
AWS_METRICS = {"ApproximateNumberOfMessagesVisible", "Duration", "Throttles"}
COMMON = {"starts were lost", "functions are throttled (1)"}
OF_PIPELINE = {
    "metering": {
        *("a function nearly timed out", "functions are throttled (2)", "no run for 26 hours"),
        *("contracts are not billed", "usage changed after billing", "ledger and records differ"),
        "usage without a payer",
    },
    "credits": {"credits are held", "a credits file waits for an hour"},
}


def title(alarm: dict[str, Any]) -> str:
    return str(alarm["AlarmName"]).partition(": ")[2]


def watched(alarm: dict[str, Any]) -> Iterator[dict[str, Any]]:
    if "MetricName" in alarm:
        yield alarm
    for part in alarm.get("Metrics", ()):
        if "MetricStat" in part:
            yield part["MetricStat"]["Metric"]


def test_every_trouble_has_an_alarm_with_a_name_that_begins_with_the_environment(
    template: Template,
) -> None:
    found = {title(alarm) for alarm in template.alarms}
    assert found - {"deadline in 60 minutes"} == COMMON | OF_PIPELINE[template.pipeline]
    names = [alarm["AlarmName"] for alarm in template.alarms]
    assert len(names) == len(set(names))
    assert all(name.split(" ")[1].rstrip(":") == template.pipeline for name in names)


def test_an_alarm_says_what_to_do_and_tells_when_it_is_over(template: Template) -> None:
    (topic,) = template.resources("AWS::SNS::Topic")
    for alarm in template.alarms:
        assert alarm["AlarmActions"] == alarm["OKActions"] == [{"Ref": topic}]
        text = alarm["AlarmDescription"]
        assert len(text) <= 1024
        assert re.fullmatch(r"\S.*\. Runbook: \S+#\S+", text), text


def test_every_alarm_has_its_section_in_the_runbook_and_every_section_its_alarm(
    metering_stack: Template, credits_stack: Template
) -> None:
    both = [*metering_stack.alarms, *credits_stack.alarms]
    linked = {alarm["AlarmDescription"].rpartition("#")[2] for alarm in both}
    chapter = RUNBOOK.partition("\n## Alarms\n")[2].partition("\n## ")[0]
    sections = re.findall(r"^### (.+)$", chapter, re.MULTILINE)
    assert linked <= {section.replace(" ", "-") for section in sections}
    expected = {re.sub(r" \(\d\)$", "", title(alarm)) for alarm in both}
    assert set(sections) == expected | {"deadline in 60 minutes", "a run failed"}
    for part in chapter.split("\n### ")[1:]:
        assert "Money at risk:" in part, part
        assert "    aws " in part, part


def test_only_a_plan_that_bills_has_a_deadline(metering_stack: Template) -> None:
    of = [alarm for alarm in metering_stack.alarms if title(alarm) == "deadline in 60 minutes"]
    assert bool(of) == (not metering_stack.environment.parsed_plans[0].dry_run)
    for alarm in of:
        (rule,) = (part["Expression"] for part in alarm["Metrics"] if "Expression" in part)
        assert "DATE(FILL(m, 1)) == 1" in rule
        assert "HOUR(FILL(m, 1)) == 4" in rule
        assert alarm["TreatMissingData"] == "notBreaching"


def test_silence_rings_where_nothing_is_measured(metering_stack: Template) -> None:
    (alarm,) = (a for a in metering_stack.alarms if title(a) == "no run for 26 hours")
    assert alarm["TreatMissingData"] == "breaching"
    assert (alarm["Period"], alarm["EvaluationPeriods"]) == (3600, 26)
    assert alarm["ComparisonOperator"] == "LessThanThreshold"


def test_open_contracts_keep_their_alarm_between_two_runs(metering_stack: Template) -> None:
    (alarm,) = (a for a in metering_stack.alarms if title(a) == "contracts are not billed")
    assert alarm["TreatMissingData"] == "ignore"


def test_alarms_watch_metrics_that_are_declared_with_their_dimensions(template: Template) -> None:
    declared = {metric.name: metric for metric in (*metrics.METERING, *metrics.CREDITS)}
    for alarm in template.alarms:
        for metric in watched(alarm):
            if metric["MetricName"] in AWS_METRICS:
                continue
            known = declared[metric["MetricName"]]
            names = {dimension["Name"] for dimension in metric["Dimensions"]}
            assert names == ({"service", "plan"} if known.per_plan else {"service"})
            assert metric["Namespace"] == f"BillingPipelines/{template.environment.name}"


@pytest.mark.parametrize("metric", [*metrics.METERING, *metrics.CREDITS], ids=lambda m: m.name)
def test_every_metric_that_is_declared_is_emitted(metric: Metric) -> None:
    (name,) = (key for key, value in vars(metrics).items() if value is metric)
    sources = "".join(path.read_text() for path in (ROOT / "functions").rglob("*.py"))
    assert f"metrics.{name}.add(" in sources


def test_only_alarms_rules_and_the_machine_may_publish(template: Template) -> None:
    rights = [statement for _, statement in template.statements("AWS::SNS::TopicPolicy")]
    services = [r["Principal"]["Service"] for r in rights if r["Effect"] == "Allow"]
    assert services == ["cloudwatch.amazonaws.com", "events.amazonaws.com"]
    assert template.owners("sns:Publish") == {template.machine}


def an_end(status: str, error: str = "", cause: str = "") -> Execution:
    return Execution("arn:execution", "x-1", {}, "", status=status, error=error, cause=cause)


@pytest.mark.parametrize(
    ("ended", "mails"),
    [
        (an_end("FAILED", "BadUsage", "Mailed: line 3"), 0),
        (an_end("FAILED", "BadUsage", 'line 3: "x" is not a number'), 1),
        (an_end("FAILED", "States.Runtime"), 1),
        (an_end("TIMED_OUT"), 1),
        (an_end("ABORTED"), 1),
        (an_end("SUCCEEDED"), 0),
    ],
    ids=lambda value: str(getattr(value, "status", value)),
)
def test_a_bad_end_that_the_run_has_not_mailed_is_mailed_once(
    template: Template, ended: Execution, mails: int
) -> None:
    found = Mailing(template.body).mails(ended, datetime(2025, 8, 1, tzinfo=UTC))
    assert len(found) == mails
    for mail in found:
        name = f"{template.environment.name} {template.pipeline}: a run failed"
        assert (mail["what"], mail["status"]) == (name, ended.status)
        assert mail["executionArn"] == "arn:execution"
        assert mail["runbook"].endswith("#a-run-failed")
        assert (mail.get("cause") or "") == ended.cause


def test_a_mail_that_does_not_get_to_the_topic_is_kept_with_the_starts_that_were_lost(
    template: Template,
) -> None:
    (queue,) = template.resources("AWS::SQS::Queue")
    for name, rule in template.resources("AWS::Events::Rule").items():
        assert "Alarms" in name or template.pipeline == "credits"
        for target in rule["Properties"]["Targets"]:
            assert target["DeadLetterConfig"] == {"Arn": {"Fn::GetAtt": [queue, "Arn"]}}


@pytest.mark.parametrize("pipeline", ["metering", "credits"])
def test_the_definition_marks_the_cause_of_a_run_that_was_mailed_as_the_rule_expects(
    pipeline: str,
) -> None:
    marked = definitions.load(pipeline)["States"]["RunFailedAndMailed"]
    assert marked["CausePath"] == f"States.Format('{MAILED}{{}}', $.cause)"


def test_an_alarm_has_no_more_metrics_than_cloudwatch_takes(template: Template) -> None:
    for alarm in template.alarms:
        assert len(list(watched(alarm))) <= 10
