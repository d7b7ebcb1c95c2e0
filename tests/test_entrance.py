"""How people's requests get in."""

import pytest

DOMAIN = {"Ref": "DomainName"}
BALANCER = {"Ref": "LoadBalancer"}
MAKES_ZONE, MAKES_CERTIFICATE = "MakesHostedZone", "MakesCertificate"


def _attributes(entrance, title, key):
    return {a["Key"]: a["Value"] for a in entrance[title][key] if "Key" in a}


def test_the_load_balancer_has_the_name_of_its_own_section_and_the_dns(entrance, named):
    """The spec's diagram alone says liberty-social-backend-alb."""
    assert entrance["LoadBalancer"]["Name"] == named("liberty-social-alb")


def test_it_is_an_application_load_balancer_that_faces_the_internet(entrance):
    assert entrance["LoadBalancer"]["Type"] == "application"
    assert entrance["LoadBalancer"]["Scheme"] == "internet-facing"


def test_it_is_in_the_public_subnets(entrance, root):
    assert entrance["LoadBalancer"]["Subnets"] == {"Ref": "SubnetIds"}
    assert root["Entrance"]["Parameters"]["SubnetIds"] == {
        "Fn::GetAtt": ["Network", "Outputs.PublicSubnetIds"]
    }


def test_it_has_its_own_security_group_only(entrance, root):
    assert entrance["LoadBalancer"]["SecurityGroups"] == [{"Ref": "BalancerGroupId"}]
    assert root["Entrance"]["Parameters"]["BalancerGroupId"] == {
        "Fn::GetAtt": ["Security", "Outputs.BalancerGroupId"]
    }


def test_port_80_redirects_to_https(entrance):
    listener = entrance["HttpListener"]
    assert (listener["LoadBalancerArn"], listener["Port"], listener["Protocol"]) == (
        BALANCER,
        80,
        "HTTP",
    )
    assert listener["DefaultActions"] == [
        {
            "Type": "redirect",
            "RedirectConfig": {"Protocol": "HTTPS", "Port": "443", "StatusCode": "HTTP_301"},
        }
    ]


def test_port_443_forwards_to_the_target_group(entrance):
    listener = entrance["HttpsListener"]
    assert (listener["LoadBalancerArn"], listener["Port"], listener["Protocol"]) == (
        BALANCER,
        443,
        "HTTPS",
    )
    assert listener["DefaultActions"] == [
        {"Type": "forward", "TargetGroupArn": {"Ref": "TargetGroup"}}
    ]


def test_there_are_no_other_listeners(entrance):
    listeners = entrance.of_type("AWS::ElasticLoadBalancingV2::Listener")
    assert sorted(listeners) == ["HttpListener", "HttpsListener"]


def test_https_is_tls_1_2_or_newer(entrance):
    assert entrance["HttpsListener"]["SslPolicy"] == "ELBSecurityPolicy-TLS13-1-2-2021-06"


def test_https_presents_the_certificate_made_here_or_the_one_given(entrance, default):
    assert entrance["HttpsListener"]["Certificates"] == [
        {
            "CertificateArn": {
                "Fn::If": [MAKES_CERTIFICATE, {"Ref": "Certificate"}, {"Ref": "CertificateArn"}]
            }
        }
    ]
    assert entrance.resource("Certificate")["Condition"] == MAKES_CERTIFICATE
    assert entrance.body["Conditions"][MAKES_CERTIFICATE] == {
        "Fn::Equals": [{"Ref": "CertificateArn"}, ""]
    }
    assert default("CertificateArn") == ""


def test_the_certificate_covers_the_domain_and_every_name_in_it(entrance):
    assert entrance["Certificate"]["DomainName"] == DOMAIN
    assert entrance["Certificate"]["SubjectAlternativeNames"] == [
        {"Fn::Join": ["", ["*.", DOMAIN]]}
    ]


def test_the_certificate_is_proved_by_dns_so_that_it_renews_itself(entrance):
    """Without the zone's id, nobody writes the record, and the deploy waits for days."""
    assert entrance["Certificate"]["ValidationMethod"] == "DNS"
    (proof,) = entrance["Certificate"]["DomainValidationOptions"]
    assert proof == {
        "DomainName": DOMAIN,
        "HostedZoneId": {
            "Fn::If": [MAKES_ZONE, {"Ref": "HostedZone"}, {"Ref": "HostedZoneId"}]
        },
    }


def test_the_target_group_has_the_name_of_the_spec(entrance, named):
    assert entrance["TargetGroup"]["Name"] == named("liberty-social-backend-tg")


def test_the_target_group_reaches_tasks_by_http_on_8000_in_our_vpc(entrance, root):
    target = entrance["TargetGroup"]
    assert (target["Protocol"], target["Port"]) == ("HTTP", 8000)
    assert target["VpcId"] == {"Ref": "VpcId"}
    assert root["Entrance"]["Parameters"]["VpcId"] == {
        "Fn::GetAtt": ["Network", "Outputs.VpcId"]
    }


def test_targets_are_addresses_since_each_task_has_its_own(entrance):
    assert entrance["TargetGroup"]["TargetType"] == "ip"


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("HealthCheckEnabled", True),
        ("HealthCheckPath", "/api/health/"),
        ("HealthCheckProtocol", "HTTP"),
        ("HealthCheckPort", "traffic-port"),
        ("HealthCheckIntervalSeconds", 30),
        ("HealthCheckTimeoutSeconds", 5),
        ("HealthyThresholdCount", 2),
        ("UnhealthyThresholdCount", 3),
    ],
)
def test_health_is_checked_as_the_spec_says(entrance, key, value):
    assert entrance["TargetGroup"][key] == value


def test_only_200_is_healthy(entrance):
    """A redirect to HTTPS, or a refusal of the Host header, is not the application's health."""
    assert entrance["TargetGroup"]["Matcher"] == {"HttpCode": "200"}


def test_websockets_may_be_silent_for_five_minutes(entrance):
    attributes = _attributes(entrance, "LoadBalancer", "LoadBalancerAttributes")
    assert attributes["idle_timeout.timeout_seconds"] == "300"


def test_a_task_that_stops_has_a_minute_to_finish(entrance):
    attributes = _attributes(entrance, "TargetGroup", "TargetGroupAttributes")
    assert attributes["deregistration_delay.timeout_seconds"] == "60"


def test_malformed_headers_are_dropped(entrance):
    attributes = _attributes(entrance, "LoadBalancer", "LoadBalancerAttributes")
    assert attributes["routing.http.drop_invalid_header_fields.enabled"] == "true"


def test_the_load_balancer_refuses_to_be_deleted(entrance, default):
    attributes = _attributes(entrance, "LoadBalancer", "LoadBalancerAttributes")
    assert attributes["deletion_protection.enabled"] == {"Ref": "BalancerDeletionProtection"}
    assert default("BalancerDeletionProtection") == "true"


def test_the_domain_points_to_the_load_balancer(entrance):
    record = entrance["Record"]
    assert record["Type"] == "A"
    assert record["HostedZoneId"] == {
        "Fn::If": [MAKES_ZONE, {"Ref": "HostedZone"}, {"Ref": "HostedZoneId"}]
    }
    assert record["AliasTarget"] == {
        "DNSName": {"Fn::GetAtt": ["LoadBalancer", "DNSName"]},
        "HostedZoneId": {"Fn::GetAtt": ["LoadBalancer", "CanonicalHostedZoneID"]},
        "EvaluateTargetHealth": True,
    }


def test_the_record_is_backend_in_the_domain_or_the_domain_itself(entrance, default):
    host = {
        "Fn::If": [
            "HasRecordLabel",
            {"Fn::Join": ["", [{"Ref": "RecordLabel"}, ".", DOMAIN]]},
            DOMAIN,
        ]
    }
    assert entrance["Record"]["Name"] == host
    assert entrance.body["Outputs"]["Host"]["Value"] == host
    assert default("RecordLabel") == "backend"


def test_the_zone_is_made_only_if_a_setting_asks(entrance, default):
    assert entrance.resource("HostedZone")["Condition"] == MAKES_ZONE
    assert entrance["HostedZone"]["Name"] == DOMAIN
    assert entrance.body["Conditions"][MAKES_ZONE] == {
        "Fn::Equals": [{"Ref": "CreateHostedZone"}, "true"]
    }
    assert default("CreateHostedZone") == "false"


def test_requests_are_logged_to_a_private_encrypted_bucket(entrance, default):
    assert default("BalancerAccessLogs") == "true"
    attributes = _attributes(entrance, "LoadBalancer", "LoadBalancerAttributes")
    assert attributes["access_logs.s3.enabled"] == {"Ref": "BalancerAccessLogs"}
    assert set(entrance["AccessLogs"]["PublicAccessBlockConfiguration"].values()) == {True}
    assert "AES256" in str(entrance["AccessLogs"]["BucketEncryption"])


@pytest.mark.parametrize("title", ["AccessLogs", "AccessLogsPolicy"])
def test_requests_are_logged_only_if_the_setting_says_so(entrance, title):
    assert entrance.resource(title)["Condition"] == "AccessLogged"
    assert entrance.body["Conditions"]["AccessLogged"] == {
        "Fn::Equals": [{"Ref": "BalancerAccessLogs"}, "true"]
    }


def test_requests_are_kept_for_90_days(entrance):
    (rule,) = entrance["AccessLogs"]["LifecycleConfiguration"]["Rules"]
    assert rule["ExpirationInDays"] == 90


def test_the_load_balancer_waits_until_it_may_write_its_log(entrance):
    conditional = [
        a["Fn::If"] for a in entrance["LoadBalancer"]["LoadBalancerAttributes"] if "Fn::If" in a
    ]
    ((condition, attribute, otherwise),) = conditional
    assert condition == "AccessLogged"
    assert attribute["Key"] == "access_logs.s3.bucket"
    assert attribute["Value"]["Fn::Select"] == [
        0,
        [{"Ref": "AccessLogs"}, {"Ref": "AccessLogsPolicy"}],
    ]
    assert otherwise == {"Ref": "AWS::NoValue"}


def test_only_load_balancers_of_this_account_write_to_the_access_log(entrance):
    delivery, tls = entrance.statements("AccessLogsPolicy")
    assert delivery["Principal"] == {
        "Service": ["logdelivery.elasticloadbalancing.amazonaws.com"]
    }
    assert delivery["Action"] == ["s3:PutObject"]
    (objects,) = delivery["Resource"]
    assert objects["Fn::Join"][1][1:] == ["/AWSLogs/", {"Ref": "AWS::AccountId"}, "/*"]
    assert (tls["Effect"], tls["Condition"]) == (
        "Deny",
        {"Bool": {"aws:SecureTransport": "false"}},
    )
