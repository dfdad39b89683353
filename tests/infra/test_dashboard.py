"""The dashboard shows every metric that is declared; the saved queries name the log groups."""

import json
from datetime import UTC, datetime

import pytest

from functions import metrics
from infra.dashboard import HOURS_LEFT, QUERIES
from tests.infra.ringing import evaluate
from tests.infra.templates import Template


def test_the_dashboard_shows_every_metric_of_its_pipeline(template: Template) -> None:
    (board,) = template.resources("AWS::CloudWatch::Dashboard").values()
    body = json.dumps(board["Properties"]["DashboardBody"])
    own = metrics.METERING if template.pipeline == "metering" else metrics.CREDITS
    for name in (*(metric.name for metric in own), "ExecutionsFailed", "Throttles", "Duration"):
        assert f'\\"{name}\\"' in body, name
    name = f"{template.environment.name}-{template.pipeline}"
    assert board["Properties"]["DashboardName"] == name


def test_questions_to_the_logs_are_saved_over_all_functions(template: Template) -> None:
    found = template.resources("AWS::Logs::QueryDefinition").values()
    assert {query["Properties"]["Name"].partition("/")[2] for query in found} == set(QUERIES)
    for query in found:
        assert len(query["Properties"]["LogGroupNames"]) == len(template.tasks)


def test_the_dashboard_shows_how_fast_partners_answer_and_with_what(template: Template) -> None:
    (board,) = template.resources("AWS::CloudWatch::Dashboard").values()
    body = json.dumps(board["Properties"]["DashboardBody"])
    assert "pct(milliseconds, 95)" in body
    assert "by partner, method, status" in body
    assert ("hours until AWS" in body) == (template.pipeline == "metering")


@pytest.mark.parametrize(
    ("at", "hours"),
    [
        (datetime(2025, 8, 1, 4, 59, tzinfo=UTC), 2),
        (datetime(2025, 8, 1, 5, tzinfo=UTC), 1),
        (datetime(2025, 8, 1, 6, tzinfo=UTC), 31 * 24),
        (datetime(2025, 7, 31, 23, tzinfo=UTC), 7),
        (datetime(2025, 9, 30, tzinfo=UTC), 30),
        (datetime(2025, 2, 28, tzinfo=UTC), 30),
        (datetime(2028, 2, 28, tzinfo=UTC), 54),
    ],
)
def test_the_hours_to_the_deadline_are_those_of_the_calendar(at: datetime, hours: int) -> None:
    assert evaluate(HOURS_LEFT, {"m": None}, at) == hours
