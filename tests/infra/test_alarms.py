from tests.infra.templates import Template


def test_a_person_is_called_for_every_bad_end_and_every_lost_start(template: Template) -> None:
    alarms = template.resources("AWS::CloudWatch::Alarm").values()
    (topic,) = template.resources("AWS::SNS::Topic")
    assert {alarm["Properties"]["MetricName"] for alarm in alarms} == {
        "ExecutionsFailed",
        "ExecutionsTimedOut",
        "ExecutionsAborted",
        "ApproximateNumberOfMessagesVisible",
    }
    for alarm in alarms:
        assert alarm["Properties"]["Threshold"] == 1
        assert alarm["Properties"]["AlarmActions"] == [{"Ref": topic}]


def test_alarms_and_the_machine_may_publish_and_only_over_tls(template: Template) -> None:
    (policy,) = template.resources("AWS::SNS::TopicPolicy").values()
    by_effect = {
        statement["Effect"]: statement
        for statement in policy["Properties"]["PolicyDocument"]["Statement"]
    }
    assert by_effect["Deny"]["Condition"] == {"Bool": {"aws:SecureTransport": "false"}}
    assert by_effect["Allow"]["Principal"] == {"Service": "cloudwatch.amazonaws.com"}
    assert template.owners("sns:Publish") == {template.machine}
