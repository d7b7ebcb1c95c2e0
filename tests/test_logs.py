"""Where the application's output is kept."""


def test_the_log_group_has_the_name_of_the_spec(logs, named):
    assert logs["ApplicationLogs"]["LogGroupName"] == named("/ecs/liberty-social-backend")


def test_logs_are_kept_for_30_days(logs, default):
    assert logs["ApplicationLogs"]["RetentionInDays"] == {"Ref": "LogRetentionDays"}
    assert default("LogRetentionDays") == 30


def test_the_tasks_write_to_it(logs, root):
    assert logs.body["Outputs"]["ApplicationLogGroup"]["Value"] == {"Ref": "ApplicationLogs"}
    assert root["Service"]["Parameters"]["ApplicationLogGroup"] == {
        "Fn::GetAtt": ["Logs", "Outputs.ApplicationLogGroup"]
    }
