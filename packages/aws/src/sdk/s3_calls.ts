import { GetObjectCommand, ListObjectsV2Command, PutObjectCommand, type S3Client } from '@aws-sdk/client-s3';
import type { S3Calls } from '../aws_clients.ts';

/** `client`: made with `sdkSettings`. */
export function createSdkS3Calls(client: S3Client): S3Calls {
  return {
    async getObject({ bucket: Bucket, key: Key }, abortSignal) {
      const { Body } = await client.send(new GetObjectCommand({ Bucket, Key }), { abortSignal });
      return Body === undefined ? new Uint8Array(0) : Body.transformToByteArray();
    },
    async putObjectIfAbsent({ bucket: Bucket, key: Key }, bytes, abortSignal) {
      const input = { Bucket, Key, Body: bytes, IfNoneMatch: '*' };
      await client.send(new PutObjectCommand(input), { abortSignal });
    },
    async listObjects({ bucket: Bucket, prefix: Prefix, after: StartAfter, limit: MaxKeys }, abortSignal) {
      const input = { Bucket, Prefix, StartAfter, MaxKeys };
      const { Contents, IsTruncated } = await client.send(new ListObjectsV2Command(input), { abortSignal });
      const keys = (Contents ?? []).flatMap(({ Key }) => (Key === undefined ? [] : [Key]));
      return { keys, isTruncated: IsTruncated === true };
    },
  };
}
