"""Creates buckets and users in an emulator of AWS.

    sources_setup.py ENDPOINT

Prints access key and secret key of a user with access to the buckets, then those of one without.
"""

import json
import sys
from typing import Any

import boto3

ROOT = {
    "endpoint_url": sys.argv[1],
    "region_name": "us-east-1",
    "aws_access_key_id": "test",
    "aws_secret_access_key": "test",
}
s3: Any = boto3.client("s3", **ROOT)
iam: Any = boto3.client("iam", **ROOT)
for bucket in ("models", "artifacts"):
    s3.create_bucket(Bucket=bucket)
# An incomplete version: its manifest is missing.
s3.put_object(Bucket="models", Key="live/half/1/model.onnx", Body=b"graph")
policy = {
    "Version": "2012-10-17",
    "Statement": [{"Effect": "Allow", "Action": "s3:*", "Resource": "*"}],
}
for user in ("server", "stranger"):
    iam.create_user(UserName=user)
    if user == "server":
        iam.put_user_policy(UserName=user, PolicyName="models", PolicyDocument=json.dumps(policy))
    key = iam.create_access_key(UserName=user)["AccessKey"]
    print(key["AccessKeyId"], key["SecretAccessKey"])
