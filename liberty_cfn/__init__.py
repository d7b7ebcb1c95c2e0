"""Liberty Social's AWS infrastructure: CloudFormation written in Python."""
