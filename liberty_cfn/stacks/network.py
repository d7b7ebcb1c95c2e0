"""The VPC, and its subnets."""

from awacs import logs as log_actions
from awacs.aws import Allow, Statement
from troposphere import (
    AWSHelperFn,
    Equals,
    GetAZs,
    Ref,
    Select,
    Sub,
    Template,
    ec2,
    iam,
    logs,
)

from liberty_cfn.names import name_tag
from liberty_cfn.nesting import outputs
from liberty_cfn.policies import policy, trust
from liberty_cfn.values import (
    Cidr,
    Flag,
    Number,
    RouteTableId,
    SubnetId,
    SubnetIds,
    Suffix,
    VpcId,
)

ANYWHERE = "0.0.0.0/0"
FLOW_LOGS = "arn:${AWS::Partition}:ec2:${AWS::Region}:${AWS::AccountId}:vpc-flow-log/*"


@outputs
class Network:
    vpc_id: VpcId
    public_subnet_ids: SubnetIds
    private_subnet_ids: SubnetIds
    # One by one: while it plans, AWS doesn't know a list that another stack gives, and can't
    # plan a stack that selects the second of it.
    # https://github.com/aws-cloudformation/cloudformation-coverage-roadmap/issues/759
    public_subnet_a_id: SubnetId
    public_subnet_b_id: SubnetId
    private_route_table_a_id: RouteTableId
    private_route_table_b_id: RouteTableId


def network(
    t: Template,
    *,
    suffix: Suffix,
    vpc_cidr: Cidr,
    public_subnet_a_cidr: Cidr,
    public_subnet_b_cidr: Cidr,
    private_subnet_a_cidr: Cidr,
    private_subnet_b_cidr: Cidr,
    flow_log: Flag,
    log_retention_days: Number,
) -> Network:
    """A VPC with a public and a private subnet in each of two zones."""
    logged = t.add_condition("FlowLogged", Equals(flow_log, "true"))

    vpc = t.add_resource(
        ec2.VPC(
            "Vpc",
            CidrBlock=vpc_cidr,
            EnableDnsSupport=True,
            EnableDnsHostnames=True,
            Tags=name_tag("liberty-social-vpc", suffix),
        )
    )
    gateway = t.add_resource(
        ec2.InternetGateway("InternetGateway", Tags=name_tag("liberty-social-igw", suffix))
    )
    attachment = t.add_resource(
        ec2.VPCGatewayAttachment(
            "InternetGatewayAttachment", VpcId=Ref(vpc), InternetGatewayId=Ref(gateway)
        )
    )

    public_routes = t.add_resource(
        ec2.RouteTable(
            "PublicRoutes", VpcId=Ref(vpc), Tags=name_tag("liberty-social-public", suffix)
        )
    )
    t.add_resource(
        ec2.Route(
            "PublicDefaultRoute",
            RouteTableId=Ref(public_routes),
            DestinationCidrBlock=ANYWHERE,
            GatewayId=Ref(gateway),
            # The route mentions the gateway, but fails until it is attached.
            DependsOn=attachment,
        )
    )
    public_a = _subnet(
        t,
        ec2.Subnet(
            "PublicSubnetA",
            VpcId=Ref(vpc),
            AvailabilityZone=_zone(0),
            CidrBlock=public_subnet_a_cidr,
            MapPublicIpOnLaunch=False,
            Tags=name_tag("liberty-social-public-a", suffix),
        ),
        public_routes,
    )
    public_b = _subnet(
        t,
        ec2.Subnet(
            "PublicSubnetB",
            VpcId=Ref(vpc),
            AvailabilityZone=_zone(1),
            CidrBlock=public_subnet_b_cidr,
            MapPublicIpOnLaunch=False,
            Tags=name_tag("liberty-social-public-b", suffix),
        ),
        public_routes,
    )

    # A table for each zone, so that a second gateway changes one route and no table.
    private_routes_a = t.add_resource(
        ec2.RouteTable(
            "PrivateRoutesA", VpcId=Ref(vpc), Tags=name_tag("liberty-social-private-a", suffix)
        )
    )
    private_a = _subnet(
        t,
        ec2.Subnet(
            "PrivateSubnetA",
            VpcId=Ref(vpc),
            AvailabilityZone=_zone(0),
            CidrBlock=private_subnet_a_cidr,
            MapPublicIpOnLaunch=False,
            Tags=name_tag("liberty-social-private-a", suffix),
        ),
        private_routes_a,
    )
    private_routes_b = t.add_resource(
        ec2.RouteTable(
            "PrivateRoutesB", VpcId=Ref(vpc), Tags=name_tag("liberty-social-private-b", suffix)
        )
    )
    private_b = _subnet(
        t,
        ec2.Subnet(
            "PrivateSubnetB",
            VpcId=Ref(vpc),
            AvailabilityZone=_zone(1),
            CidrBlock=private_subnet_b_cidr,
            MapPublicIpOnLaunch=False,
            Tags=name_tag("liberty-social-private-b", suffix),
        ),
        private_routes_b,
    )

    flow_logs = t.add_resource(
        logs.LogGroup(
            "FlowLogs",
            Condition=logged,
            RetentionInDays=log_retention_days,
            DeletionPolicy="Retain",
            UpdateReplacePolicy="Retain",
        )
    )
    flow_log_role = t.add_resource(
        iam.Role(
            "FlowLogRole",
            Condition=logged,
            AssumeRolePolicyDocument=trust("vpc-flow-logs.amazonaws.com", Sub(FLOW_LOGS)),
            Policies=[
                iam.Policy(
                    PolicyName="WriteFlowLogs",
                    PolicyDocument=policy(_may_write_to(flow_logs)),
                )
            ],
        )
    )
    t.add_resource(
        ec2.FlowLog(
            "VpcFlowLog",
            Condition=logged,
            ResourceId=Ref(vpc),
            ResourceType="VPC",
            TrafficType="ALL",
            LogDestinationType="cloud-watch-logs",
            LogGroupName=Ref(flow_logs),
            DeliverLogsPermissionArn=flow_log_role.get_att("Arn"),
            Tags=name_tag("liberty-social-vpc", suffix),
        )
    )

    return Network(
        vpc_id=VpcId(Ref(vpc)),
        public_subnet_ids=SubnetIds([Ref(public_a), Ref(public_b)]),
        private_subnet_ids=SubnetIds([Ref(private_a), Ref(private_b)]),
        public_subnet_a_id=SubnetId(Ref(public_a)),
        public_subnet_b_id=SubnetId(Ref(public_b)),
        private_route_table_a_id=RouteTableId(Ref(private_routes_a)),
        private_route_table_b_id=RouteTableId(Ref(private_routes_b)),
    )


def _zone(number: int) -> AWSHelperFn:
    return Select(number, GetAZs())


def _subnet(t: Template, subnet: ec2.Subnet, routes: ec2.RouteTable) -> ec2.Subnet:
    t.add_resource(subnet)
    t.add_resource(
        ec2.SubnetRouteTableAssociation(
            f"{subnet.title}Routes", SubnetId=Ref(subnet), RouteTableId=Ref(routes)
        )
    )
    return subnet


def _may_write_to(group: logs.LogGroup) -> Statement:
    return Statement(
        Effect=Allow,
        Action=[
            log_actions.CreateLogStream,
            log_actions.PutLogEvents,
            log_actions.DescribeLogStreams,
        ],
        Resource=[group.get_att("Arn")],
    )
