/** Tags of an object: read, replaced, removed. @see https://docs.aws.amazon.com/AmazonS3/latest/userguide/object-tagging.html */

import { checkedTags } from "./description.js";
import { S3Error } from "./errors.js";
import { find, type Place } from "./objects.js";
import type { S3Answer, S3Request } from "./request.js";
import type { Tags } from "./store.js";
import { document, list, parseDocument } from "./xml.js";

export function getTagging({ bucket, key }: Place): S3Answer {
  const tags = Object.entries(find(bucket, key).tags).map(([Key, Value]) => ({ Key, Value }));
  return { status: 200, body: document("Tagging", { TagSet: { Tag: tags } }) };
}

export async function putTagging(request: S3Request, place: Place): Promise<S3Answer> {
  find(place.bucket, place.key);
  await replaceTags(place, tagsIn(await request.body.document()));
  return { status: 200 };
}

export async function deleteTagging(place: Place): Promise<S3Answer> {
  await replaceTags(place, {});
  return { status: 204 };
}

async function replaceTags({ bucket, key }: Place, tags: Tags): Promise<void> {
  const object = find(bucket, key);
  object.content.retain();
  try {
    await bucket.put(key, { ...object, tags }, (existing) => {
      if (existing !== object) throw new S3Error("OperationAborted");
    });
  } catch (error) {
    object.content.release();
    throw error;
  }
}

/** @throws S3Error when the text is no list of tags, or one of them cannot be. */
export function tagsIn(text: string): Tags {
  const set = parseDocument(text, "Tagging")?.TagSet;
  if (set === undefined) throw new S3Error("MalformedXML");
  const pairs = list(set, "Tag").map(({ Key: name, Value: value }) => {
    if (typeof name !== "string" || typeof value !== "string") throw new S3Error("MalformedXML");
    return [name, value] as const;
  });
  return checkedTags(pairs);
}
