"""The findings that are accepted, and why."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from fnmatch import fnmatchcase

from liberty_cfn.audit.tools import Result
from liberty_cfn.stateful import SECRETS


@dataclass(frozen=True)
class Acceptance:
    """Controls that some resources don't meet, and why that is right.

    `only` are the environments it is right in; empty for all.
    """

    controls: tuple[str, ...]
    resources: tuple[str, ...]
    reason: str
    only: tuple[str, ...] = ()

    def covers(self, result: Result) -> bool:
        """Whether this accepts a finding."""
        return (
            result.control.id in self.controls
            and any(fnmatchcase(result.resource, form) for form in self.resources)
            and (not self.only or result.environment in self.only)
        )


DISPOSABLE = ("dev", "global", "local", "staging")
DATABASE, UPLOADS, LOGS = "DatabaseDatabase", "StorageUploads", "EntranceAccessLogs"
LOG_GROUPS = ("LogsApplicationLogs", "MonitoringTaskFailureEvents", "NetworkFlowLogs")

ACCEPTED = (
    Acceptance(
        ("CT.CLOUDWATCH.PR.2",),
        LOG_GROUPS,
        "The spec: 30 days. LogRetentionDays keeps them longer where somebody asks for it.",
    ),
    Acceptance(
        ("CT.CLOUDWATCH.PR.3", "CKV_AWS_158"),
        LOG_GROUPS,
        "Encrypted with CloudWatch's key; our own would be one more way to lose them.",
    ),
    Acceptance(
        ("CT.ECR.PR.3", "CKV_AWS_51"),
        ("RegistryRepository",),
        "The spec deploys the tag latest, which has to move. Tasks run a digest.",
    ),
    Acceptance(
        ("CKV_AWS_136",),
        ("RegistryRepository",),
        "The spec: EncryptionType AES256.",
    ),
    Acceptance(
        ("CT.ECS.PR.6",),
        ("ServiceTaskDefinition",),
        "Django keeps larger uploads in temporary files; the task's disk goes with the task.",
    ),
    Acceptance(
        ("CT.ECS.PR.7",),
        ("ServiceTaskDefinition",),
        "Fargate limits the task, which has one container.",
    ),
    Acceptance(
        ("CT.ELASTICLOADBALANCING.PR.5",),
        ("EntranceLoadBalancer",),
        "Protected in production; these may be thrown away.",
        only=DISPOSABLE,
    ),
    Acceptance(
        ("CT.ELASTICLOADBALANCING.PR.6", "CKV_AWS_91"),
        ("EntranceLoadBalancer",),
        "Nobody but developers asks it anything.",
        only=("dev",),
    ),
    Acceptance(
        ("CKV_AWS_260",),
        ("SecurityBalancerGroup",),
        "The spec: HTTP from anywhere, to be redirected to HTTPS.",
    ),
    Acceptance(
        ("CKV2_AWS_71",),
        ("EntranceCertificate",),
        "The spec: CertificateName *.yourdomain.com.",
    ),
    Acceptance(
        ("CKV_AWS_149",),
        tuple(f"Secrets{title}" for title in SECRETS),
        "Encrypted with AWS's key for Secrets Manager; who may read them is in their roles.",
    ),
    Acceptance(
        ("CT.KMS.PR.3",),
        ("AlertsAlarmKey",),
        "The account decides through its own policies, as AWS's default key policy has it.",
    ),
    Acceptance(
        ("CT.RDS.PR.1", "CKV_AWS_157"),
        (DATABASE,),
        "No standby in development, and in the second account of the example of a stack set.",
        only=("dev", "global"),
    ),
    Acceptance(
        ("CT.RDS.PR.8",),
        (DATABASE,),
        "Development has backups of one day.",
        only=("dev",),
    ),
    Acceptance(
        ("CT.RDS.PR.13",),
        (DATABASE,),
        "Protected in production; these may be thrown away, and leave a snapshot.",
        only=DISPOSABLE,
    ),
    Acceptance(
        ("CT.RDS.PR.2", "CKV_AWS_118"),
        (DATABASE,),
        "CPU, storage and connections have alarms; enhanced monitoring costs extra.",
    ),
    Acceptance(
        ("CT.RDS.PR.20",),
        (DATABASE,),
        "The spec: port 5432. Only tasks reach it.",
    ),
    Acceptance(
        ("CT.RDS.PR.22",),
        (DATABASE,),
        "The spec: MasterUsername postgres. Its password is generated and only tasks reach it.",
    ),
    Acceptance(
        ("CT.RDS.PR.30",),
        (DATABASE,),
        "Encrypted with AWS's key for RDS; another key would replace the database.",
    ),
    Acceptance(
        ("CT.RDS.PR.7", "CKV_AWS_161"),
        (DATABASE,),
        "The application signs in with a password from Secrets Manager, as the spec has it.",
    ),
    Acceptance(
        ("CT.S3.PR.10",),
        (UPLOADS, LOGS),
        "Encrypted with S3's keys. Load balancers can't write logs with a key of KMS.",
    ),
    Acceptance(
        ("CT.S3.PR.11", "CKV_AWS_21"),
        (LOGS,),
        "Logs are written once, and go after 90 days.",
    ),
    Acceptance(
        ("CT.S3.PR.2", "CKV_AWS_18"),
        (UPLOADS, LOGS),
        "Nobody would read it. An account that wants to know has CloudTrail's data events.",
    ),
    Acceptance(
        ("CT.S3.PR.4",),
        (UPLOADS, LOGS),
        "Nothing waits for new files.",
    ),
    Acceptance(
        ("CT.S3.PR.9",),
        (UPLOADS, LOGS),
        "People may delete what they uploaded; older versions are kept for 90 days.",
    ),
)


def reasons(result: Result) -> Iterator[Acceptance]:
    """Yield what accepts a finding."""
    return (acceptance for acceptance in ACCEPTED if acceptance.covers(result))
