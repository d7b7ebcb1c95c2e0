"""How people's requests get in."""

from awacs import s3 as s3_actions
from awacs.aws import Allow, Principal, Statement
from troposphere import (
    Equals,
    GetAtt,
    If,
    Join,
    Not,
    NoValue,
    Ref,
    Select,
    Template,
    certificatemanager,
    route53,
    s3,
)
from troposphere import elasticloadbalancingv2 as elb
from troposphere.validators.route53 import AliasTarget

from liberty_cfn.names import name_tag, named
from liberty_cfn.nesting import outputs
from liberty_cfn.policies import policy, tls_only
from liberty_cfn.ports import APP, HTTP, HTTPS
from liberty_cfn.values import (
    DomainName,
    Flag,
    HostedZoneId,
    ListenerArn,
    MetricName,
    NameServers,
    SecurityGroupId,
    SubnetIds,
    Suffix,
    TargetGroupArn,
    Text,
    VpcId,
)

# TLS 1.3, and 1.2 with forward secrecy.
# https://docs.aws.amazon.com/elasticloadbalancing/latest/application/describe-ssl-policies.html
TLS_POLICY = "ELBSecurityPolicy-TLS13-1-2-2021-06"
# Daphne's websockets may be silent for longer than AWS's 60 seconds.
IDLE_SECONDS = 300
# How long a task that is to stop may finish what it has; see StopTimeout in service.
DRAIN_SECONDS = 60
ACCESS_LOG_DAYS = 90


@outputs
class Entrance:
    host: DomainName
    balancer_host: DomainName
    balancer_metric_name: MetricName
    target_group_arn: TargetGroupArn
    target_group_metric_name: MetricName
    listener_arn: ListenerArn
    name_servers: NameServers


def entrance(
    t: Template,
    *,
    suffix: Suffix,
    vpc_id: VpcId,
    subnet_ids: SubnetIds,
    balancer_group_id: SecurityGroupId,
    domain_name: DomainName,
    record_label: Text,
    hosted_zone_id: HostedZoneId,
    create_hosted_zone: Flag,
    certificate_arn: Text,
    balancer_access_logs: Flag,
    balancer_deletion_protection: Flag,
) -> Entrance:
    """Certificate, load balancer, target group and DNS record."""
    makes_zone = t.add_condition("MakesHostedZone", Equals(create_hosted_zone, "true"))
    makes_certificate = t.add_condition("MakesCertificate", Equals(certificate_arn, ""))
    has_label = t.add_condition("HasRecordLabel", Not(Equals(record_label, "")))
    access_logged = t.add_condition("AccessLogged", Equals(balancer_access_logs, "true"))
    host = If(has_label, Join("", [record_label, ".", domain_name]), domain_name)

    zone = t.add_resource(
        route53.HostedZone(
            "HostedZone",
            Condition=makes_zone,
            Name=domain_name,
            # Made again, it would have other name servers than the registrar knows.
            DeletionPolicy="Retain",
            UpdateReplacePolicy="Retain",
        )
    )
    zone_id = If(makes_zone, Ref(zone), hosted_zone_id)
    certificate = t.add_resource(
        certificatemanager.Certificate(
            "Certificate",
            Condition=makes_certificate,
            DomainName=domain_name,
            SubjectAlternativeNames=[Join("", ["*.", domain_name])],
            ValidationMethod="DNS",
            # With the zone's id, CloudFormation writes the record that proves the domain
            # ours. The wildcard is proved by the same one.
            DomainValidationOptions=[
                certificatemanager.DomainValidationOption(
                    DomainName=domain_name, HostedZoneId=zone_id
                )
            ],
            Tags=name_tag("liberty-social", suffix),
        )
    )

    access_logs = t.add_resource(
        s3.Bucket(
            "AccessLogs",
            Condition=access_logged,
            PublicAccessBlockConfiguration=s3.PublicAccessBlockConfiguration(
                BlockPublicAcls=True,
                BlockPublicPolicy=True,
                IgnorePublicAcls=True,
                RestrictPublicBuckets=True,
            ),
            OwnershipControls=s3.OwnershipControls(
                Rules=[s3.OwnershipControlsRule(ObjectOwnership="BucketOwnerEnforced")]
            ),
            BucketEncryption=s3.BucketEncryption(
                ServerSideEncryptionConfiguration=[
                    s3.ServerSideEncryptionRule(
                        # Load balancers can't write where a key of KMS is asked for.
                        ServerSideEncryptionByDefault=s3.ServerSideEncryptionByDefault(
                            SSEAlgorithm="AES256"
                        )
                    )
                ]
            ),
            LifecycleConfiguration=s3.LifecycleConfiguration(
                Rules=[
                    s3.LifecycleRule(
                        Id="Requests", Status="Enabled", ExpirationInDays=ACCESS_LOG_DAYS
                    )
                ]
            ),
            DeletionPolicy="Retain",
            UpdateReplacePolicy="Retain",
        )
    )
    access_logs_policy = t.add_resource(
        s3.BucketPolicy(
            "AccessLogsPolicy",
            Condition=access_logged,
            Bucket=Ref(access_logs),
            PolicyDocument=policy(_may_deliver_to(access_logs), tls_only(access_logs)),
        )
    )
    balancer = t.add_resource(
        elb.LoadBalancer(
            "LoadBalancer",
            Name=named("liberty-social-alb", suffix),
            Type="application",
            Scheme="internet-facing",
            IpAddressType="ipv4",
            Subnets=subnet_ids,
            SecurityGroups=[balancer_group_id],
            LoadBalancerAttributes=[
                _attribute("idle_timeout.timeout_seconds", IDLE_SECONDS),
                _attribute("routing.http.drop_invalid_header_fields.enabled", "true"),
                _attribute("deletion_protection.enabled", balancer_deletion_protection),
                _attribute("access_logs.s3.enabled", balancer_access_logs),
                If(
                    access_logged,
                    # A load balancer is refused a bucket that it can't write to yet, so
                    # this waits for the policy, too.
                    _attribute(
                        "access_logs.s3.bucket",
                        Select(0, [Ref(access_logs), Ref(access_logs_policy)]),
                    ),
                    NoValue,
                ),
            ],
        )
    )
    targets = t.add_resource(
        elb.TargetGroup(
            "TargetGroup",
            Name=named("liberty-social-backend-tg", suffix),
            VpcId=vpc_id,
            TargetType="ip",
            Protocol="HTTP",
            Port=APP,
            HealthCheckEnabled=True,
            HealthCheckPath="/api/health/",
            HealthCheckProtocol="HTTP",
            HealthCheckPort="traffic-port",
            HealthCheckIntervalSeconds=30,
            HealthCheckTimeoutSeconds=5,
            HealthyThresholdCount=2,
            UnhealthyThresholdCount=3,
            Matcher=elb.Matcher(HttpCode="200"),
            TargetGroupAttributes=[
                elb.TargetGroupAttribute(
                    Key="deregistration_delay.timeout_seconds", Value=str(DRAIN_SECONDS)
                )
            ],
        )
    )
    t.add_resource(
        elb.Listener(
            "HttpListener",
            LoadBalancerArn=Ref(balancer),
            Port=HTTP,
            Protocol="HTTP",
            DefaultActions=[
                elb.Action(
                    Type="redirect",
                    RedirectConfig=elb.RedirectConfig(
                        Protocol="HTTPS", Port=str(HTTPS), StatusCode="HTTP_301"
                    ),
                )
            ],
        )
    )
    https = t.add_resource(
        elb.Listener(
            "HttpsListener",
            LoadBalancerArn=Ref(balancer),
            Port=HTTPS,
            Protocol="HTTPS",
            SslPolicy=TLS_POLICY,
            Certificates=[
                elb.Certificate(
                    CertificateArn=If(makes_certificate, Ref(certificate), certificate_arn)
                )
            ],
            DefaultActions=[elb.Action(Type="forward", TargetGroupArn=Ref(targets))],
        )
    )
    t.add_resource(
        route53.RecordSetType(
            "Record",
            HostedZoneId=zone_id,
            Name=host,
            Type="A",
            AliasTarget=AliasTarget(  # type: ignore[no-untyped-call]
                DNSName=balancer.get_att("DNSName"),
                HostedZoneId=balancer.get_att("CanonicalHostedZoneID"),
                EvaluateTargetHealth=True,
            ),
        )
    )

    return Entrance(
        host=DomainName(host),
        balancer_host=DomainName(balancer.get_att("DNSName")),
        balancer_metric_name=MetricName(balancer.get_att("LoadBalancerFullName")),
        target_group_arn=TargetGroupArn(Ref(targets)),
        target_group_metric_name=MetricName(targets.get_att("TargetGroupFullName")),
        listener_arn=ListenerArn(Ref(https)),
        name_servers=NameServers(If(makes_zone, GetAtt(zone, "NameServers"), [""])),
    )


def _attribute(key: str, value: object) -> elb.LoadBalancerAttributes:
    return elb.LoadBalancerAttributes(
        Key=key, Value=str(value) if isinstance(value, int) else value
    )


def _may_deliver_to(bucket: s3.Bucket) -> Statement:
    """Let this account's load balancers write their logs.

    https://docs.aws.amazon.com/elasticloadbalancing/latest/application/enable-access-logging.html
    """
    return Statement(
        Sid="DeliverAccessLogs",
        Effect=Allow,
        Principal=Principal("Service", ["logdelivery.elasticloadbalancing.amazonaws.com"]),
        Action=[s3_actions.PutObject],
        # The account whose load balancer it is, is in the path: others have none here.
        Resource=[Join("", [bucket.get_att("Arn"), "/AWSLogs/", Ref("AWS::AccountId"), "/*"])],
    )
