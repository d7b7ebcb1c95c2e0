"""Whom alarms tell.

The key that AWS has for SNS lets no other service use it: alarms sent to a topic under it
are dropped without a word.
https://repost.aws/knowledge-center/cloudwatch-receive-sns-for-alarm-trigger
"""

from awacs import kms as kms_actions
from awacs import sns as sns_actions
from awacs.aws import Allow, Condition, Principal, Statement, StringEquals
from troposphere import Equals, Not, Ref, Sub, Template, kms, sns

from liberty_cfn.names import named
from liberty_cfn.nesting import outputs
from liberty_cfn.policies import policy
from liberty_cfn.values import Suffix, Text, TopicArn


@outputs
class Alerts:
    alarm_topic_arn: TopicArn


def alerts(t: Template, *, suffix: Suffix, alarm_email: Text) -> Alerts:
    """The topic that alarms go to, encrypted so that CloudWatch can still write to it."""
    mailed = t.add_condition("AlarmsMailed", Not(Equals(alarm_email, "")))
    key = t.add_resource(
        kms.Key(
            "AlarmKey",
            Description="Encrypts the alarms of the Liberty Social backend on their way.",
            EnableKeyRotation=True,
            PendingWindowInDays=30,
            KeyPolicy=policy(
                Statement(
                    Sid="AccountDecides",
                    Effect=Allow,
                    Principal=Principal(
                        "AWS", [Sub("arn:${AWS::Partition}:iam::${AWS::AccountId}:root")]
                    ),
                    # All of this key's actions, to the account's own IAM policies: without
                    # this, nobody could ever change or delete the key.
                    Action=[kms_actions.Action("*")],
                    Resource=["*"],
                ),
                _may_encrypt(
                    "Alarms", "cloudwatch.amazonaws.com", Condition=_of_this_account()
                ),
                # EventBridge doesn't tell KMS whose account it is, and would be refused; who
                # may write at all, the topic's policy says.
                _may_encrypt("Events", "events.amazonaws.com"),
            ),
            # It keeps nothing: a message is read minutes after it was written.
            DeletionPolicy="Delete",
            UpdateReplacePolicy="Delete",
        )
    )
    topic = t.add_resource(
        sns.Topic(
            "AlarmTopic",
            TopicName=named("liberty-social-alarms", suffix),
            KmsMasterKeyId=key.get_att("Arn"),
        )
    )
    t.add_resource(
        sns.TopicPolicy(
            "AlarmTopicPolicy",
            Topics=[Ref(topic)],
            PolicyDocument=policy(
                Statement(
                    Sid="Alarms",
                    Effect=Allow,
                    Principal=Principal("Service", ["cloudwatch.amazonaws.com"]),
                    Action=[sns_actions.Publish],
                    Resource=[Ref(topic)],
                    Condition=_of_this_account(),
                )
            ),
        )
    )
    t.add_resource(
        sns.SubscriptionResource(
            "AlarmSubscription",
            Condition=mailed,
            TopicArn=Ref(topic),
            Protocol="email",
            Endpoint=alarm_email,
        )
    )
    return Alerts(alarm_topic_arn=TopicArn(Ref(topic)))


def _may_encrypt(sid: str, service: str, **condition: Condition) -> Statement:
    """Let a service write to topics under the key.

    https://docs.aws.amazon.com/sns/latest/dg/sns-key-management.html
    """
    return Statement(
        Sid=sid,
        Effect=Allow,
        Principal=Principal("Service", [service]),
        Action=[kms_actions.Decrypt, kms_actions.GenerateDataKey],
        Resource=["*"],  # in a key's policy, this key
        **condition,
    )


def _of_this_account() -> Condition:
    return Condition(StringEquals("aws:SourceAccount", Ref("AWS::AccountId")))
