"""Whom alarms tell."""

TOPIC = [{"Ref": "AlarmTopic"}]


def test_alarms_are_mailed_if_a_setting_says_where(alerts, default):
    assert alerts.resource("AlarmSubscription")["Condition"] == "AlarmsMailed"
    assert alerts["AlarmSubscription"]["Protocol"] == "email"
    assert alerts["AlarmSubscription"]["Endpoint"] == {"Ref": "AlarmEmail"}
    assert alerts["AlarmSubscription"]["TopicArn"] == TOPIC[0]
    assert default("AlarmEmail") == ""


def test_cloudwatch_and_events_may_use_the_key_of_the_topic(alerts):
    """Alarms sent to a topic under AWS's own key for SNS are dropped without a word."""
    assert alerts["AlarmTopic"]["KmsMasterKeyId"] == {"Fn::GetAtt": ["AlarmKey", "Arn"]}
    _, alarms, events = alerts.statements("AlarmKey")
    assert alarms["Principal"] == {"Service": ["cloudwatch.amazonaws.com"]}
    assert events["Principal"] == {"Service": ["events.amazonaws.com"]}
    assert alarms["Action"] == events["Action"] == ["kms:Decrypt", "kms:GenerateDataKey"]
    assert alarms["Condition"] == {
        "StringEquals": {"aws:SourceAccount": {"Ref": "AWS::AccountId"}}
    }
    # EventBridge doesn't say whose it is: with a condition, it could use no key.
    assert "Condition" not in events


def test_the_account_can_still_manage_the_key(alerts):
    account, *_ = alerts.statements("AlarmKey")
    (principal,) = account["Principal"]["AWS"]
    assert principal["Fn::Sub"].endswith(":iam::${AWS::AccountId}:root")
    assert alerts["AlarmKey"]["EnableKeyRotation"] is True


def test_only_cloudwatch_of_this_account_writes_to_the_topic(alerts):
    assert alerts["AlarmTopicPolicy"]["Topics"] == TOPIC
    (statement,) = alerts.statements("AlarmTopicPolicy")
    assert statement["Principal"] == {"Service": ["cloudwatch.amazonaws.com"]}
    assert statement["Action"] == ["sns:Publish"]
    assert statement["Resource"] == TOPIC
    assert statement["Condition"] == {
        "StringEquals": {"aws:SourceAccount": {"Ref": "AWS::AccountId"}}
    }
