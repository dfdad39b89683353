"""The dashboard shows every metric that is declared; the saved queries name the log groups."""

from __future__ import annotations

import json
from typing import Any

from functions import metrics
from infra.dashboard import QUERIES
from tests.infra.templates import Template


def text_of(value: Any) -> str:
    """Return a template's text with what is joined into it."""
    return json.dumps(value)


def test_the_dashboard_shows_every_metric_of_its_pipeline(template: Template) -> None:
    (board,) = template.resources("AWS::CloudWatch::Dashboard").values()
    body = text_of(board["Properties"]["DashboardBody"])
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
