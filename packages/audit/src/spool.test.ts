import { spawn } from 'node:child_process';
import {
  existsSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  truncateSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { generateSoftwareSigner, jwkFromSpki, type PublicJwk } from '@postern/keys';
import { systemClock } from '@postern/store';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { createProducer } from './producer.ts';
import type { RecordBody } from './record.ts';
import { digestOfSegment, verifySegment } from './segment.ts';
import { createSpool, SpoolFull } from './spool.ts';

let dir: string;
beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), 'postern-spool-'));
});
afterEach(() => rmSync(dir, { recursive: true }));

const segment = (number: number) => ({ jws: `a.${'b'.repeat(10)}${number}.c`, from: number, to: number });
const maxBytes = 1_000_000;
const open = (onTorn?: (file: string) => void) => createSpool(dir, { maxBytes, ...(onTorn && { onTorn }) });

test('segments come back in order, after a start too, until they are acknowledged', async () => {
  const spool = open();
  for (let number = 1; number <= 12; number++) await spool.write(segment(number));
  expect(spool.pending(3)).toEqual([1, 2, 3].map((number) => ({ jws: segment(number).jws, to: number })));
  spool.acknowledge(10);
  for (const again of [spool, open()]) {
    expect(again.pending(100).map(({ to }) => to)).toEqual([11, 12]);
    expect(again.bytes()).toBe(segment(11).jws.length + segment(12).jws.length);
  }
});

test('what is acknowledged is gone, and only that', async () => {
  const spool = open();
  await spool.write({ jws: 'a.b.c', from: 1, to: 5 });
  await spool.write({ jws: 'a.b.c', from: 6, to: 9 });
  spool.acknowledge(7);
  expect(spool.pending(10).map(({ to }) => to)).toEqual([9]);
  spool.acknowledge(9);
  spool.acknowledge(9);
  expect(spool.pending(10)).toEqual([]);
  expect([spool.bytes(), readdirSync(dir)]).toEqual([0, []]);
});

test('a segment that is written again counts once', async () => {
  const spool = open();
  await spool.write(segment(1));
  await spool.write(segment(1));
  expect([spool.pending(10).length, spool.bytes()]).toEqual([1, segment(1).jws.length]);
});

test('nobody else on the machine reads the spool', async () => {
  const spool = createSpool(join(dir, 'run'), { maxBytes });
  await spool.write(segment(1));
  expect(statSync(join(dir, 'run')).mode & 0o777).toBe(0o700);
  for (const file of readdirSync(join(dir, 'run'))) expect(statSync(join(dir, 'run', file)).mode & 0o777).toBe(0o600);
});

test('a full spool refuses and keeps what it has, and takes again once there is room', async () => {
  const spool = createSpool(dir, { maxBytes: 2 * segment(1).jws.length });
  await spool.write(segment(1));
  await spool.write(segment(2));
  await expect(spool.write(segment(3))).rejects.toThrow(SpoolFull);
  await spool.write(segment(2));
  expect(spool.pending(10).map(({ to }) => to)).toEqual([1, 2]);
  spool.acknowledge(1);
  await spool.write(segment(3));
  expect(spool.pending(10).map(({ to }) => to)).toEqual([2, 3]);
});

test('a producer on a full spool keeps its records, and their chain is whole once there is room', async () => {
  const signer = generateSoftwareSigner('ES256');
  const spool = createSpool(dir, { maxBytes: 1000 });
  let ids = 0;
  const producer = createProducer({
    id: 'p',
    signer,
    sink: spool,
    clock: systemClock,
    mode: 'strict',
    createId: () => `${++ids}`,
  });
  const body: RecordBody = { kind: 'refusal', door: 'issue', reason: 'x', count: 1 };
  await producer.append(body);
  await expect(producer.append(body)).rejects.toThrow(SpoolFull);
  const first = spool.pending(10);
  spool.acknowledge(1);
  await producer.flush();
  const whole = [...first, ...spool.pending(10)].map(({ jws }) => jws);
  expect(checkChain(whole, jwkFromSpki(signer.spki))).toBe(2);
});

describe('after a crash', () => {
  test('what was written aside and never renamed is gone: nobody was told that it was kept', async () => {
    await open().write(segment(1));
    const aside = join(dir, '0000000000000002-0000000000000002.jws.new');
    writeFileSync(aside, 'a.b');
    expect(
      open()
        .pending(10)
        .map(({ to }) => to),
    ).toEqual([1]);
    expect(existsSync(aside)).toBe(false);
  });

  test.each([
    ['cut off', (file: string) => truncateSync(file, 3)],
    ['empty', (file: string) => truncateSync(file, 0)],
    ['full of zeros', (file: string) => writeFileSync(file, Buffer.alloc(100))],
  ])(
    'a file that a damaged disk left %s is set aside and told of, and does not block the others',
    async (_how, damage) => {
      const spool = open();
      for (const number of [1, 2, 3]) await spool.write(segment(number));
      const file = '0000000000000002-0000000000000002.jws';
      damage(join(dir, file));
      const torn: string[] = [];
      expect(
        open((name) => torn.push(name))
          .pending(10)
          .map(({ to }) => to),
      ).toEqual([1, 3]);
      expect(torn).toEqual([file]);
      expect(readdirSync(dir)).toContain(`${file}.torn`);
    },
  );

  test('files of others are left alone', async () => {
    writeFileSync(join(dir, 'producer.json'), '{}');
    writeFileSync(join(dir, 'note.new'), '');
    await open().write(segment(1));
    open().acknowledge(1);
    expect(readdirSync(dir).sort()).toEqual(['note.new', 'producer.json']);
  });
});

/** A process that appends as fast as it can and says each number that it was answered. */
const CHILD = `
  import { generateSoftwareSigner, jwkFromSpki } from '@postern/keys';
  import { createProducer, createSpool } from '@postern/audit';
  const signer = generateSoftwareSigner('ES256');
  process.stdout.write(JSON.stringify(jwkFromSpki(signer.spki)) + '\\n');
  let ids = 0;
  const producer = createProducer({
    id: 'p', signer, mode: 'strict', createId: () => 'id-' + ++ids, clock: { nowMs: () => Date.now() },
    sink: createSpool(process.argv[1], { maxBytes: 1e9 }),
  });
  const body = { kind: 'refusal', door: 'issue', reason: 'x'.repeat(500), count: 1 };
  const loop = async () => {
    for (;;) process.stdout.write((await producer.append(body)).number + '\\n');
  };
  await Promise.all([loop(), loop(), loop()]);
`;

async function killAfter(records: number): Promise<{ readonly key: PublicJwk; readonly answered: number }> {
  const child = spawn(process.execPath, ['--input-type=module', '-e', CHILD, dir], {
    cwd: import.meta.dirname,
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  const lines: string[] = [];
  for await (const line of createInterface({ input: child.stdout })) {
    lines.push(line);
    if (lines.length === records + 1) child.kill('SIGKILL');
  }
  expect(child.signalCode ?? 'SIGKILL').toBe('SIGKILL');
  const [key, ...numbers] = lines;
  return { key: JSON.parse(key as string) as PublicJwk, answered: Math.max(0, ...numbers.map(Number)) };
}

const rounds = process.env['POSTERN_LONG'] === '1' ? 1000 : 6;

test(`a record that was answered survives kill -9, ${rounds} times`, { timeout: rounds * 5000 }, async () => {
  for (let round = 0; round < rounds; round++) {
    const { key, answered } = await killAfter(1 + ((round * 37) % 90));
    const spool = open();
    const kept = spool.pending(1_000_000);
    expect(kept.length).toBeGreaterThan(0);
    expect(
      checkChain(
        kept.map(({ jws }) => jws),
        key,
      ),
    ).toBeGreaterThanOrEqual(answered);
    spool.acknowledge(Number.MAX_SAFE_INTEGER);
    expect(readdirSync(dir)).toEqual([]);
  }
});

/** The last number of segments that follow each other without a gap. */
function checkChain(segments: readonly string[], key: PublicJwk): number {
  let previous = '';
  let number = 0;
  for (const jws of segments) {
    const verified = verifySegment(jws, { producer: 'p', key });
    if (!verified.ok) throw new Error(verified.reason);
    expect(verified.value).toMatchObject({ from: number + 1, previous });
    number = verified.value.to;
    previous = digestOfSegment(jws);
  }
  return number;
}

test('a file on disk is the segment itself, to be read with any tool', async () => {
  await open().write(segment(7));
  expect(readFileSync(join(dir, '0000000000000007-0000000000000007.jws'), 'latin1')).toBe(segment(7).jws);
});
