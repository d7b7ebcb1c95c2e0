"""Templates of these tests, and their way into the local AWS and out of it."""

import hashlib
import json
import time

CAPABILITIES = ["CAPABILITY_NAMED_IAM", "CAPABILITY_AUTO_EXPAND"]


def template(resources, outputs=(), parameters=(), **more):
    return {
        "Parameters": dict(parameters),
        "Resources": dict(resources),
        "Outputs": {name: {"Value": value} for name, value in dict(outputs).items()},
        **more,
    }


def resource(kind, properties=(), **more):
    return {"Type": f"AWS::{kind}", "Properties": dict(properties), **more}


def ref(name):
    return {"Ref": name}


def get(name, attribute):
    return {"Fn::GetAtt": [name, attribute]}


def upload(aws, **templates):
    """Put templates into a bucket, by what is in them; gives their URLs as AWS writes them."""
    s3, urls = aws.client("s3"), {}
    s3.create_bucket(Bucket="templates")  # again is fine, in this region
    for name, body in templates.items():
        whole = json.dumps(body).encode()
        key = hashlib.sha256(whole).hexdigest()
        s3.put_object(Bucket="templates", Key=key, Body=whole)
        urls[name] = f"https://templates.s3.us-east-1.amazonaws.com/{key}"
    return urls


def nested(url, parameters=(), **more):
    properties = {"TemplateURL": url, "Parameters": dict(parameters)}
    return resource("CloudFormation::Stack", properties, **more)


def deploy(aws, body, name="root", **options):
    """Create or update a stack and wait for it to come to rest."""
    cloudformation = aws.client("cloudformation")
    asked = {
        "StackName": name,
        "TemplateBody": json.dumps(body),
        "Capabilities": CAPABILITIES,
        **options,
    }
    try:
        stack = cloudformation.create_stack(**asked)["StackId"]
    except cloudformation.exceptions.AlreadyExistsException:
        stack = cloudformation.update_stack(**asked)["StackId"]
    return rest(aws, stack)


def delete(aws, name="root"):
    cloudformation = aws.client("cloudformation")
    stack = describe(aws, name)["StackId"]
    cloudformation.delete_stack(StackName=stack)
    return rest(aws, stack)


def describe(aws, name="root"):
    return aws.client("cloudformation").describe_stacks(StackName=name)["Stacks"][0]


def rest(aws, stack):
    while (found := describe(aws, stack))["StackStatus"].endswith("_IN_PROGRESS"):
        time.sleep(0.005)
    return found


def physical(aws, title, name="root"):
    found = aws.client("cloudformation").describe_stack_resources(StackName=name)
    return {r["LogicalResourceId"]: r["PhysicalResourceId"] for r in found["StackResources"]}[
        title
    ]


def events(aws, name="root"):
    """What happened to each resource of a stack, oldest first."""
    found = aws.client("cloudformation").describe_stack_events(StackName=name)["StackEvents"]
    return [(e["LogicalResourceId"], e["ResourceStatus"]) for e in reversed(found)]


def child(aws, title):
    return describe(aws, physical(aws, title))


def outputs(stack):
    return {output["OutputKey"]: output["OutputValue"] for output in stack["Outputs"]}
