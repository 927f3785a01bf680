"""Makes buckets, and a user who may use them, in an emulator of AWS.

    sources_setup.py ENDPOINT

Prints the user's access key and secret key, and those of a user who may do nothing.
"""

import json
import sys

import boto3

ROOT = {
    "endpoint_url": sys.argv[1],
    "region_name": "us-east-1",
    "aws_access_key_id": "test",
    "aws_secret_access_key": "test",
}
s3 = boto3.client("s3", **ROOT)
iam = boto3.client("iam", **ROOT)
for bucket in ("models", "artifacts"):
    s3.create_bucket(Bucket=bucket)
# Half of a version: its manifest has not come yet.
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
