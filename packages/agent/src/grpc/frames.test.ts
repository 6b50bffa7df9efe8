import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { parseGrpcTimeout } from './deadline.ts';
import { FrameReader, frame } from './frames.ts';
import { formatGrpcMessage, GRPC_STATUS, GrpcError } from './status.ts';

function statusOf(work: () => unknown): number | undefined {
  try {
    work();
    return undefined;
  } catch (fault) {
    if (fault instanceof GrpcError) return fault.status;
    throw fault;
  }
}

describe('messages in frames', () => {
  test('come out as they went in, wherever the stream is cut', () => {
    const messages = fc.array(fc.uint8Array({ maxLength: 300 }), { maxLength: 6 });
    fc.assert(
      fc.property(messages, fc.array(fc.integer({ min: 1, max: 50 }), { minLength: 1 }), (sent, cuts) => {
        const bytes = Buffer.concat(sent.map(frame));
        const reader = new FrameReader();
        const read: Buffer[] = [];
        for (let at = 0, cut = 0; at < bytes.length; cut++) {
          const length = cuts[cut % cuts.length]!;
          read.push(...reader.push(bytes.subarray(at, at + length)));
          at += length;
        }
        expect(read.map((message) => message.toString('hex'))).toEqual(
          sent.map((message) => Buffer.from(message).toString('hex')),
        );
        expect(reader.isEmpty()).toBe(true);
      }),
    );
  });

  test('a message in 200,000 chunks does not cost its length again for each of them', () => {
    const bytes = frame(Buffer.alloc(200_000, 7));
    const reader = new FrameReader();
    const startMs = performance.now();
    let whole: Buffer[] = [];
    for (let at = 0; at < bytes.length; at++) whole = reader.push(Buffer.from(bytes.subarray(at, at + 1)));
    expect(whole[0]?.length).toBe(200_000);
    // Copying everything for each chunk would take 20 GB of copies.
    expect(performance.now() - startMs).toBeLessThan(2_000);
  });

  test.each([
    ['a compressed message', '0100000000', GRPC_STATUS.UNIMPLEMENTED],
    ['an unknown flag', '0200000000', GRPC_STATUS.INTERNAL],
    ['an HTTP/1 request', '474554202f', GRPC_STATUS.INTERNAL],
    ['a length of 4 GiB', '00ffffffff', GRPC_STATUS.RESOURCE_EXHAUSTED],
    ['one byte more than is allowed', '0000000065', GRPC_STATUS.RESOURCE_EXHAUSTED],
  ])('refuses %s before any of it is kept', (_what, hex, status) => {
    expect(statusOf(() => new FrameReader(100).push(Buffer.from(hex, 'hex')))).toBe(status);
  });

  test('a message of exactly the bound is taken', () => {
    expect(new FrameReader(100).push(Buffer.from(frame(new Uint8Array(100))))).toHaveLength(1);
  });
});

test.each([
  ['1H', 3_600_000],
  ['2M', 120_000],
  ['3S', 3_000],
  ['250m', 250],
  ['1500u', 2],
  ['1n', 1],
  ['0n', 1],
  ['99999999H', 2 ** 31 - 1],
  ['123456789S', undefined],
  ['S', undefined],
  ['1', undefined],
  ['-1S', undefined],
  ['1s', undefined],
  ['1 S', undefined],
  ['1S, 2S', undefined],
  ['1constructor', undefined],
  ['', undefined],
])('a deadline of `%s` is %s ms', (text, timeoutMs) => {
  const parsed = parseGrpcTimeout(text);
  expect(parsed.ok ? parsed.value : undefined).toBe(timeoutMs);
});

test('a status message cannot end its header or be taken for another character', () => {
  expect(formatGrpcMessage('a\r\nb%c "ü"')).toBe('a%0D%0Ab%25c "%C3%BC"');
});
