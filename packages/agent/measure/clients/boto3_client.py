"""boto3 in a process that lives for days: for each line it reads it lists buckets, and says how that went."""

import sys

import boto3

s3 = None
for _ in sys.stdin:
    try:
        # As services do: made once, with the first request, and kept.
        s3 = s3 or boto3.client("s3", endpoint_url=sys.argv[1])
        s3.list_buckets()
        print("ok", flush=True)
    except Exception as error:
        print(str(error).replace("\n", " "), flush=True)
