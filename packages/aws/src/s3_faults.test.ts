/** What the objects do when S3 denies, is slow or loses an answer, by either set of clients. */
import { StoreUnavailable } from '@postern/store';
import { expect, test } from 'vitest';
import { createS3Objects } from './index.ts';
import { describeEachSet } from './testing/scripted_clients.ts';
import type { Answer } from './testing/scripted_server.ts';

describeEachSet('S3', ({ server, clients }) => {
  const open = () => createS3Objects({ calls: clients().s3, bucket: 'b' });
  const error = (status: number, code: string): Answer => ({ status, body: `<Error><Code>${code}</Code></Error>` });

  test('that loses the answer to a put is not asked again: the object would read as somebody else’s', async () => {
    server().answer('lost');
    await expect(open().putIfAbsent('a', new Uint8Array(1))).rejects.toThrow(StoreUnavailable);
    expect(server().requests()).toHaveLength(1);
  });

  test('that sees two puts at once, or is slow, is asked again', async () => {
    server().answer(error(409, 'ConditionalRequestConflict'), error(503, 'SlowDown'), error(412, 'PreconditionFailed'));
    expect(await open().putIfAbsent('a', new Uint8Array(1))).toEqual({ ok: false, reason: 'already-exists' });
  });

  test('that denies a read does not say that the object is absent', async () => {
    server().answer(error(403, 'AccessDenied'));
    await expect(open().get('a')).rejects.toThrow(StoreUnavailable);
    await expect(open().list('')).rejects.toThrow(StoreUnavailable);
    expect(server().requests()).toHaveLength(2);
  });

  test('says absent only of the object, not of its bucket', async () => {
    server().answer(error(404, 'NoSuchKey'));
    expect(await open().get('a')).toBeUndefined();
    server().answer(error(404, 'NoSuchBucket'));
    await expect(open().get('a')).rejects.toThrow(StoreUnavailable);
  });

  test('gets no object without a checksum, which a bucket with object lock would refuse', async () => {
    server().answer({ status: 200 });
    await open().putIfAbsent('a', new Uint8Array(1));
    const names = Object.keys(server().requests()[0]?.headers ?? {});
    expect(names.filter((name) => /^x-amz-checksum-(crc32|sha256)$/.test(name))).toHaveLength(1);
  });

  test('is never sent an object that could not be read again', async () => {
    await expect(open().putIfAbsent('a', new Uint8Array(64 * 1024 * 1024 + 1))).rejects.toThrow(RangeError);
    expect(server().requests()).toHaveLength(0);
  });
});
