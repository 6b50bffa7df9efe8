import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createProblem, PATHS, type SegmentsRequest } from '@postern/api';
import { createProducer, createSpool, type Spool } from '@postern/audit';
import { generateSoftwareSigner, jwkFromSpki } from '@postern/keys';
import { systemClock } from '@postern/store';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { CredentialsMissing, createControlPlaneClient, type OutgoingCall } from '../control_plane/client.ts';
import { createShipper } from './shipper.ts';

const PUBLIC_URL = 'http://127.0.0.1:1';
const INGEST_URL = 'https://abc123.lambda-url.eu-central-1.on.aws';
const PRODUCER = 'spiffe://demo.test/postern/agent/node-1#run-1';

let dir: string;
let spool: Spool;
let records: number;
beforeEach(async () => {
  dir = mkdtempSync(join(tmpdir(), 'postern-shipper-'));
  spool = createSpool(dir, { maxBytes: 1024 * 1024 });
  records = 0;
  const producer = createProducer({
    id: PRODUCER,
    signer,
    sink: spool,
    clock: systemClock,
    mode: 'strict',
    createId: () => `record-${++records}`,
    onFault: () => {},
  });
  await producer.append({ kind: 'drop', count: 1, firstAtMs: 0, lastAtMs: 0 }, 'record');
});
afterEach(() => rmSync(dir, { recursive: true, force: true }));

const signer = generateSoftwareSigner('ES256');
const key = jwkFromSpki(signer.spki);

/** Ships to an ingest door of its own that answers as `answer` does. */
function shipping(answer: () => Response | Promise<Response>) {
  const sent: { readonly url: string; readonly call: OutgoingCall }[] = [];
  const logged: { readonly level: string; readonly event: string; readonly fields: object }[] = [];
  const proven: string[] = [];
  const client = createControlPlaneClient({
    url: PUBLIC_URL,
    signProof: async ({ target }) => {
      proven.push(target);
      return 'proof';
    },
    ingest: {
      url: INGEST_URL,
      send: async (url, call) => {
        sent.push({ url, call });
        return answer();
      },
    },
  });
  const log = (level: string, event: string, fields = {}) => void logged.push({ level, event, fields });
  return { ...createShipper({ producer: { id: PRODUCER, key }, client, queue: spool, log }), sent, logged, proven };
}

const acknowledging = () => {
  const [pending] = spool.pending(1);
  return Response.json({ acknowledged: pending?.to ?? 0 });
};
const credentialless = () => {
  throw new CredentialsMissing('there are no AWS credentials');
};
const json = (status: number, body: object) => Response.json(body, { status });

test('records go to the ingest door, with the proof that the public doors would get', async () => {
  const shipper = shipping(acknowledging);
  expect(await shipper.ship()).toBe(true);
  expect(spool.pending(10)).toEqual([]);
  expect(shipper.sent).toHaveLength(1);
  const { url, call } = shipper.sent[0]!;
  expect(url).toBe(INGEST_URL + PATHS.segments);
  expect(call).toMatchObject({ method: 'POST', redirect: 'error', headers: { 'postern-proof': 'proof' } });
  expect(shipper.proven).toEqual([PATHS.segments]);
  expect(JSON.parse(String(Buffer.from(call.body!))) as SegmentsRequest).toMatchObject({ producer: PRODUCER, key });
});

describe('no record is lost, and the log says what to do, when', () => {
  const platform = { Message: 'Forbidden' };
  const rows: [string, () => Response, string, object][] = [
    ['the node has no credentials', credentialless, 'segments-not-sent', { reason: 'credentials-missing' }],
    ['its role is not let in', () => json(403, platform), 'segments-refused', { reason: 'role-not-permitted' }],
  ];
  test.each(rows)('%s', async (_, answer, event, fields) => {
    let given = answer;
    const shipper = shipping(() => given());
    const before = spool.pending(10);
    expect(before).toHaveLength(1);
    expect(await shipper.ship()).toBe(false);
    expect(spool.pending(10)).toEqual(before);
    expect(shipper.logged).toMatchObject([{ level: 'error', event, fields }]);
    expect(JSON.stringify(shipper.logged)).toContain('lambda:InvokeFunctionUrl');
    given = acknowledging;
    expect(await shipper.ship()).toBe(true);
    expect(spool.pending(10)).toEqual([]);
  });

  test.each([
    ['our function refuses', () => json(403, createProblem('not-permitted')), 'not-permitted'],
    ['something else answers', () => json(404, {}), 'answer-malformed'],
  ])('%s', async (_, answer, reason) => {
    const shipper = shipping(answer);
    expect(await shipper.ship()).toBe(false);
    expect(spool.pending(10)).toHaveLength(1);
    expect(shipper.logged).toMatchObject([{ level: 'error', event: 'segments-refused', fields: { reason } }]);
  });
});

test('an outage is said once and not at every try, and again when it is another', async () => {
  let answer: () => Response = () => json(503, {});
  const shipper = shipping(() => answer());
  for (let times = 0; times < 3; times++) expect(await shipper.ship()).toBe(false);
  answer = credentialless;
  for (let times = 0; times < 3; times++) expect(await shipper.ship()).toBe(false);
  expect(shipper.logged.map(({ level, event }) => [level, event])).toEqual([
    ['warn', 'segments-not-sent'],
    ['error', 'segments-not-sent'],
  ]);
  expect(spool.pending(10)).toHaveLength(1);
});

test('everything else goes to the public doors, and without an ingest door records do too', async () => {
  let signed = 0;
  const send = async () => {
    signed += 1;
    return acknowledging();
  };
  const ports = { url: PUBLIC_URL, signProof: async () => 'proof' };
  const apart = createControlPlaneClient({ ...ports, ingest: { url: INGEST_URL, send } });
  await expect(apart.renew('csr')).rejects.toThrow(PUBLIC_URL);
  await expect(apart.entries()).rejects.toThrow(PUBLIC_URL);
  const segments = { producer: PRODUCER, key, segments: [] };
  await expect(createControlPlaneClient(ports).sendSegments(segments)).rejects.toThrow(PUBLIC_URL);
  expect(signed).toBe(0);
});
