/** The code under test: an ordinary program that takes its credentials and services from where an AWS SDK finds them. */

import { PutObjectCommand, S3Client } from "@aws-sdk/client-s3";

const s3 = new S3Client({ forcePathStyle: true });

/** @returns whether it was written; false when S3 refused the credentials. */
export async function writeReport(day: string): Promise<boolean> {
  try {
    await s3.send(new PutObjectCommand({ Bucket: "reports", Key: day, Body: `report of ${day}` }));
    return true;
  } catch (error) {
    if (error instanceof Error && error.name === "ExpiredToken") return false;
    throw error;
  }
}
