"""aws-sdk-cpp, which pyarrow has inside, in a process that lives for days: for each line it reads it lists buckets, and says how that went."""

import sys

from pyarrow import fs

s3 = None
for _ in sys.stdin:
    try:
        # As services do: made once, with the first request, and kept.
        s3 = s3 or fs.S3FileSystem(endpoint_override=sys.argv[1], region="us-east-1")
        s3.get_file_info(fs.FileSelector(""))
        print("ok", flush=True)
    except Exception as error:
        print(str(error).replace("\n", " "), flush=True)
