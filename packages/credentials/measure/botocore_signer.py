"""botocore as a signer of survival.mjs: its own credential code on a clock that is told.

Each line of input is "reset ENDPOINT" (another instance begins) or an instant in epoch seconds; each instant is answered with
the access key id that botocore would sign with then, or "none".
"""

import datetime
import os
import sys
import types

import botocore.credentials
import botocore.session
import botocore.utils

now = 0.0


class ToldDatetime(datetime.datetime):
    @classmethod
    def utcnow(cls):
        return cls.utcfromtimestamp(now)

    @classmethod
    def now(cls, tz=None):
        return cls.fromtimestamp(now, tz)


told = types.ModuleType("datetime")
told.__dict__.update(datetime.__dict__)
told.datetime = ToldDatetime
botocore.utils.datetime = told
botocore.credentials.datetime = told

credentials = None
for line in sys.stdin:
    word, *rest = line.split()
    if word == "reset":
        os.environ["AWS_EC2_METADATA_SERVICE_ENDPOINT"] = rest[0]
        credentials = None
        continue
    now = float(word)
    try:
        if credentials is None:
            credentials = botocore.session.Session().get_credentials()
        print(credentials.get_frozen_credentials().access_key, flush=True)
    except Exception:
        print("none", flush=True)
