/** A release larger than what a platform lets a function answer. */
import { gunzipSync } from 'node:zlib';
import { PATHS } from '@postern/api';
import { accept } from '@postern/result';
import { createMemoryObjects } from '@postern/store/embedded';
import { expect, test } from 'vitest';
import { releaseObject } from '../publish/releases.ts';
import { createFeedApp } from './app.ts';

const LARGE = Buffer.from('eyJwb2xpY2llcyI6W10sInNjaGVtYSI6IiJ9'.repeat(400_000));
const SMALL = Buffer.from('a.b.c');

const objects = createMemoryObjects();
await objects.putIfAbsent(releaseObject(1), SMALL);
await objects.putIfAbsent(releaseObject(2), LARGE);
const app = createFeedApp({
  recordRefusal: () => {},
  log: () => {},
  authenticate: async () => accept({ spiffeId: 'spiffe://demo.test/postern/agent/node', serial: '01', notAfterMs: 0 }),
  publisher: { page: async () => undefined, version: async () => undefined },
  objects,
  audience: 'https://demo.test',
  report: async () => {},
  wish: async () => {},
  onFault: () => {},
});
const get = (number: number, acceptEncoding?: string) =>
  app.request(PATHS.release(number), {
    headers: { 'postern-proof': 'a', ...(acceptEncoding !== undefined && { 'accept-encoding': acceptEncoding }) },
  });

test.each(['gzip', 'gzip, deflate', 'br;q=1, GZIP;q=0.5', 'deflate, gzip;q=0.001'])(
  'shrinks for who takes it so (`%s`), and is whole again',
  async (acceptEncoding) => {
    const answer = await get(2, acceptEncoding);
    expect(answer.headers.get('content-encoding')).toBe('gzip');
    const bytes = Buffer.from(await answer.arrayBuffer());
    expect(bytes.length).toBeLessThan(LARGE.length / 10);
    expect(Buffer.compare(gunzipSync(bytes), LARGE)).toBe(0);
  },
);

test.each([undefined, '', 'deflate', 'gzip;q=0', 'gzip;q=0.000', 'x-gzip2'])(
  'goes as it is to who does not (`%s`)',
  async (acceptEncoding) => {
    const answer = await get(2, acceptEncoding);
    expect(answer.headers.get('content-encoding')).toBeNull();
    expect(Buffer.compare(Buffer.from(await answer.arrayBuffer()), LARGE)).toBe(0);
  },
);

test('a small one is not worth it', async () => {
  const answer = await get(1, 'gzip');
  expect(answer.headers.get('content-encoding')).toBeNull();
  expect(await answer.text()).toBe('a.b.c');
});
