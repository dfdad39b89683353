from tests.infra.templates import Template

OF_METERING = {"metering": {"LateUsage"}, "credits": set()}


def test_a_person_is_called_for_every_bad_end_and_every_lost_start(template: Template) -> None:
    alarms = template.resources("AWS::CloudWatch::Alarm").values()
    (topic,) = template.resources("AWS::SNS::Topic")
    assert {alarm["Properties"]["MetricName"] for alarm in alarms} == {
        "ExecutionsFailed",
        "ExecutionsTimedOut",
        "ExecutionsAborted",
        "ApproximateNumberOfMessagesVisible",
        *OF_METERING[template.pipeline],
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


def test_the_alarm_on_late_usage_watches_what_its_function_counts(metering_stack: Template) -> None:
    (alarm,) = (
        alarm["Properties"]
        for alarm in metering_stack.resources("AWS::CloudWatch::Alarm").values()
        if alarm["Properties"]["MetricName"] == "LateUsage"
    )
    told = metering_stack.variables("ReportLateUsage")
    assert alarm["Namespace"] == told["POWERTOOLS_METRICS_NAMESPACE"]
    assert alarm["Dimensions"] == [{"Name": "service", "Value": told["POWERTOOLS_SERVICE_NAME"]}]
