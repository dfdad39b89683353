import datetime as dt
import json
from typing import Any

import pytest

from infra.local.app.template import TemplateError
from infra.local.aws.event_rules import EventRules
from infra.local.aws.object_event import Event
from tests.unit.local import tiny_app
from tests.unit.local.conftest import Open
from tests.unit.local.tiny_app import NAMED, SENDS_EVENTS, STATE_BUCKET, client, upload_rule

MACHINE = "arn:aws:states:us-east-1:123456789012:stateMachine:credits"
TARGET: dict[str, Any] = {"Arn": {"Ref": "Machine"}, "Id": "Target0", "RoleArn": "role"}
UPLOADS: dict[str, Any] = {
    "source": ["aws.s3"],
    "detail-type": ["Object Created"],
    "detail": {
        "bucket": {"name": [{"Ref": "Bucket"}]},
        "object": {"key": [{"anything-but": {"wildcard": ["reports/*", "runs/*", "*/"]}}]},
    },
}
NAMED_INPUT = {"bucket": "uploads", "key": "credits-2025-07.csv", "as_of": "2025-08-02T00:00:00Z"}


def event(key: str = "credits-2025-07.csv", bucket: str = "uploads") -> Event:
    return {
        "version": "0",
        "id": "17793124-05d4-b198-2fde-7ededc63b103",
        "detail-type": "Object Created",
        "source": "aws.s3",
        "account": "123456789012",
        "time": "2025-08-02T00:00:00Z",
        "region": "us-east-1",
        "resources": [f"arn:aws:s3:::{bucket}"],
        "detail": {
            "bucket": {"name": bucket},
            "object": {"key": key, "size": 5},
            "reason": "PutObject",
        },
    }


def rules(
    pattern: Any = UPLOADS,
    *,
    target: dict[str, Any] | None = None,
    sends: dict[str, Any] = SENDS_EVENTS,
    **more: Any,
) -> EventRules:
    properties = {"EventPattern": pattern, "Targets": [target or TARGET], **more}
    resources: tiny_app.Resources = {
        "Bucket": ("S3::Bucket", {"BucketName": "uploads", "NotificationConfiguration": sends}),
        "Machine": ("StepFunctions::StateMachine", {"StateMachineName": "credits"}),
        "Rule": ("Events::Rule", {"Name": "uploaded", "State": "ENABLED", **properties}),
        "Hourly": ("Events::Rule", {"ScheduleExpression": "rate(1 hour)", "Targets": [TARGET]}),
    }
    return EventRules(tiny_app.template_of(resources))


def key_pattern(*filters: Any) -> dict[str, Any]:
    return {"detail": {"object": {"key": list(filters)}}}


def given(**target: Any) -> Any:
    (start,) = rules(target={**TARGET, **target}).starts(event())
    assert (start.rule, start.machine_arn) == ("uploaded", MACHINE)
    return start.given


# Patterns


@pytest.mark.parametrize(
    ("pattern", "key", "started"),
    [
        (UPLOADS, "credits-2025-07.csv", 1),
        (UPLOADS, "credits-2025-07_2025-09.csv", 1),
        (UPLOADS, "Credits-2025-07.CSV", 1),
        (UPLOADS, "in/credits-2025-07.csv", 1),
        (UPLOADS, "in/reports/credits-2025-07.csv", 1),
        (UPLOADS, "reports", 1),
        (UPLOADS, "reports/credits-2025-07/x-1.json", 0),
        (UPLOADS, "runs/", 0),
        (UPLOADS, "in/", 0),
        (key_pattern({"wildcard": "credits-*.csv"}), "credits-2025-07.csv", 1),
        (key_pattern({"wildcard": "credits-*.csv"}), "Credits-2025-07.csv", 0),
        (key_pattern({"anything-but": {"prefix": ["reports/", "runs/"]}}), "runs/x", 0),
        (key_pattern({"anything-but": {"suffix": ["/", ".json"]}}), "x.json", 0),
        (key_pattern({"anything-but": ["a", "b"]}), "b", 0),
        (key_pattern({"prefix": "credits-"}, {"suffix": ".csv"}), "x.csv", 1),
        (key_pattern({"anything-but": {"prefix": "reports/"}}), "reports/x", 0),
        ({"detail": {"deletion-type": [{"exists": False}]}}, "x", 1),
        ({"resources": ["arn:aws:s3:::uploads"]}, "x", 1),
    ],
)
def test_an_event_starts_what_the_pattern_of_a_rule_matches(
    pattern: Any, key: str, started: int
) -> None:
    assert len(rules(pattern).starts(event(key))) == started


def test_an_event_of_another_bucket_starts_nothing() -> None:
    assert rules().starts(event(bucket="another")) == []


@pytest.mark.parametrize(
    ("more", "started"),
    [
        *(({"State": "DISABLED"}, 0), ({"EventBusName": "arn:aws:events:x:1:event-bus/other"}, 0)),
        ({"EventBusName": "default"}, 1),
        ({"Targets": [TARGET, {**TARGET, "Id": "Target1"}]}, 2),
    ],
)
def test_each_target_of_a_rule_is_started_if_it_is_on_and_on_the_default_bus(
    more: dict[str, Any], started: int
) -> None:
    assert len(rules(**more).starts(event())) == started


# What stands behind anything-but, and is no filter there.
NO_FILTERS = ({"regex": "x"}, {"exists": True}, {"prefix": ["a", 1]}, {"wildcard": ["a", "b**"]})


@pytest.mark.parametrize(
    "pattern",
    [
        *("text", {}, {"source": "aws.s3"}, {"source": []}, {"source": [["aws.s3"]]}),
        *({"detail": {}}, {"$or": [{"source": ["aws.s3"]}]}),
        {"detail": {"object": {"size": [{"numeric": [">", 0]}]}}},
        *map(key_pattern, ({}, {"regex": "credits.*"}, {"prefix": "credits-", "suffix": ".csv"})),
        *map(key_pattern, ({"wildcard": "b**"}, {"prefix": ["a", "b"]})),
        *(key_pattern({"anything-but": filtered}) for filtered in NO_FILTERS),
    ],
)
def test_a_pattern_that_is_not_understood_is_refused_rather_than_guessed(pattern: Any) -> None:
    with pytest.raises(TemplateError, match=r"rule uploaded"):
        rules(pattern).starts(event())


@pytest.mark.parametrize("sends", [{}, {"EventBridgeConfiguration": {"EventBridgeEnabled": False}}])
def test_a_bucket_that_sends_no_events_is_named(sends: dict[str, Any]) -> None:
    with pytest.raises(TemplateError, match="uploads does not send"):
        rules(sends=sends).starts(event())


# Targets


def test_the_transformer_of_the_cdk_becomes_the_input_and_without_one_it_is_the_event() -> None:
    assert given(InputTransformer=NAMED) == NAMED_INPUT
    assert given() == event()


@pytest.mark.parametrize(
    ("template", "expected"),
    [
        ('{"size":<size>,"all":<object>}', {"size": 5, "all": {"key": 'a "b" <c>', "size": 5}}),
        ('{"said":"<key>: <size> bytes"}', {"said": 'a "b" <c>: 5 bytes'}),
        ('"<key>"', 'a "b" <c>'),
        ('{"said":"\\"<size>\\" < 6"}', {"said": '"5" < 6'}),
    ],
)
def test_a_value_stands_as_json_or_as_a_part_of_a_text(template: str, expected: Any) -> None:
    paths = {
        "size": "$.detail.object.size",
        "key": "$.detail.object.key",
        "object": "$.detail.object",
    }
    target = {**TARGET, "InputTransformer": {"InputPathsMap": paths, "InputTemplate": template}}
    (start,) = rules(key_pattern({"exists": True}), target=target).starts(event('a "b" <c>'))
    assert start.given == expected


@pytest.mark.parametrize(
    ("target", "said"),
    [
        ({"Arn": "arn:aws:sns:us-east-1:123456789012:topic"}, "no state machine here"),
        ({"EcsParameters": {}}, "EcsParameters, which is not understood"),
        ({"InputPath": "$"}, "InputPath, which is not understood"),
        ({"InputTransformer": {"InputPathsMap": {"a": "$..key"}}}, r"\$..key is not understood"),
        ({"InputTransformer": {"InputPathsMap": {"a": "$.detail.bucket.owner"}}}, "has nothing at"),
        ({"InputTransformer": {"InputTemplate": '{"a":<b>}'}}, "named b"),
        ({"InputTransformer": {"InputTemplate": '{"a":"<b>"}'}}, "named b"),
        ({"InputTransformer": {"InputTemplate": "{a:1}"}}, "not JSON"),
    ],
)
def test_a_target_that_is_not_understood_is_refused_rather_than_guessed(
    target: dict[str, Any], said: str
) -> None:
    with pytest.raises(TemplateError, match=said):
        given(**target)


# With an account

ECHO = "def handler(event, context): return event"
WAITING = {
    "StartAt": "Wait",
    "States": {
        "Wait": {"Type": "Wait", "Seconds": 1, "Next": "Read"},
        "Read": {"Type": "Task", "Resource": "${read}", "End": True},
    },
}
READ = """
    import boto3
    s3 = boto3.client("s3")
    def handler(event, context):
        found = s3.get_object(Bucket=event["bucket"], Key=event["key"])
        return {"body": found["Body"].read().decode(), "version": found["VersionId"],
                "modified": found["LastModified"].isoformat(), "as_of": event["as_of"]}
"""
UPLOADED = upload_rule("*.csv")


def test_the_event_of_an_upload_is_whole_and_names_what_was_stored(tiny: Open) -> None:
    account = tiny({"read": READ}, WAITING, Uploaded=UPLOADED)
    sent = account.upload("a.csv", b"12345", at="2025-08-02T00:00:00Z")
    assert set(sent) == set(event())
    kind = [sent[name] for name in ("version", "detail-type", "source", "region")]
    assert kind == ["0", "Object Created", "aws.s3", "us-east-1"]
    assert sent["time"] == "2025-08-02T00:00:00Z"
    assert sent["resources"] == [f"arn:aws:s3:::{STATE_BUCKET}"]
    detail = sent["detail"]
    assert (detail["version"], detail["reason"]) == ("0", "PutObject")
    assert detail["bucket"] == {"name": STATE_BUCKET}
    for name in ("request-id", "requester", "source-ip-address"):
        assert isinstance(detail[name], str)
    stored = detail["object"]
    assert (stored["key"], stored["size"]) == ("a.csv", 5)
    s3 = client(account.aws, "s3")
    found = s3.head_object(Bucket=STATE_BUCKET, Key="a.csv")
    assert (found["VersionId"], found["ETag"]) == (stored["version-id"], f'"{stored["etag"]}"')
    later = account.upload("a.csv", b"12345")["detail"]["object"]
    assert later["sequencer"] > stored["sequencer"]
    assert later["version-id"] != stored["version-id"]
    json.dumps(sent)


def test_uploads_and_their_events_may_come_in_any_order_and_overlap(tiny: Open) -> None:
    account = tiny({"read": READ}, WAITING, Uploaded=UPLOADED)
    noon = dt.datetime(2025, 8, 2, 12, tzinfo=dt.UTC)
    first = account.upload("a.csv", b"1", at="2025-08-02T12:00:00Z", last_modified=noon)
    later = noon + dt.timedelta(seconds=7)
    second = account.upload("a.csv", b"2", at="2025-08-02T12:00:07Z", last_modified=later)
    running = [
        *account.started_by(second, time_scale=0.1),
        *account.started_by(first, time_scale=0.1),
        *account.started_by(account.upload("a.txt", b"3")),
    ]
    outputs = [account.wait(one).output for one in running]
    newest = {
        "body": "2",
        "version": second["detail"]["object"]["version-id"],
        "modified": "2025-08-02T12:00:07+00:00",
    }
    assert outputs == [
        {**newest, "as_of": "2025-08-02T12:00:07Z"},
        {**newest, "as_of": "2025-08-02T12:00:00Z"},
    ]


def test_a_setting_that_no_function_has_cannot_be_replaced(tiny: Open) -> None:
    account = tiny({"echo": ECHO}, {"StartAt": "A", "States": {"A": {"Type": "Succeed"}}})
    with pytest.raises(TemplateError, match="CLOUDZERO_URL"):
        account.use(environment={"CLOUDZERO_URL": "http://127.0.0.1:1"})
