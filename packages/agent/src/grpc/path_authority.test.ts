import { mkdtempSync, rmSync } from 'node:fs';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { createPathAuthorityRewriter } from './path_authority.ts';
import { createGrpcServer } from './server.ts';

const PREFACE = Buffer.from('PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n');
const SETTINGS = 4;
const STREAM = 3;
const END_HEADERS = 0x4;
const PADDED = 0x8;
const PRIORITY = 0x20;

function frame(type: number, flags: number, payload: Buffer): Buffer {
  const header = Buffer.alloc(9);
  header.writeUIntBE(payload.length, 0, 3);
  header.set([type, flags, 0, 0, 0, type === SETTINGS ? 0 : STREAM], 3);
  return Buffer.concat([header, payload]);
}

/** A literal by RFC 7541 6.2, shorter than 127 octets; `lead`: the first octet, which has the name's index. */
const literal = (lead: number, value: string, name?: string): Buffer =>
  Buffer.concat([
    Buffer.from([lead]),
    ...(name === undefined ? [] : [Buffer.from([name.length]), Buffer.from(name)]),
    Buffer.from([value.length]),
    Buffer.from(value),
  ]);

const INDEXED_METHOD = Buffer.from([0x83]);
const TABLE_SIZE = Buffer.from([0x3f, 0xe1, 0x1f]);
const PATH = literal(0x44, '/SpiffeWorkloadAPI/FetchX509SVID');
const headers = (...fields: Buffer[]) => frame(1, END_HEADERS, Buffer.concat(fields));
const settings = frame(SETTINGS, 0, Buffer.alloc(6));

const read = (...frames: Buffer[]): Buffer => createPathAuthorityRewriter()(Buffer.concat([PREFACE, ...frames]));
const sent = (...frames: Buffer[]): Buffer => Buffer.concat([PREFACE, ...frames]);

describe('what grpc-java sends', () => {
  // As grpc-netty 1.68.1 sent it, with another socket's path.
  const block = (authority: string) =>
    Buffer.concat([
      literal(0x41, authority),
      PATH,
      Buffer.from([0x83, 0x86]),
      literal(0x5f, 'application/grpc'),
      literal(0x40, 'trailers', 'te'),
      literal(0x7a, 'grpc-java-netty/1.68.1'),
      literal(0x40, 'true', 'workload.spiffe.io'),
    ]);

  it('is read with dots for the slashes of the authority, and is the same otherwise', () => {
    expect(read(settings, headers(block('/run/postern/api.sock')))).toEqual(
      sent(settings, headers(block('.run.postern.api.sock'))),
    );
  });

  it('is read the same in whatever pieces it comes, and nothing stays behind', () => {
    const frames = [
      settings,
      headers(block('/run/api.sock')),
      frame(0, 1, Buffer.alloc(5)),
      headers(block('/run/api.sock')),
    ];
    const whole = read(...frames);
    for (let size = 1; size < 40; size += 1) {
      const rewrite = createPathAuthorityRewriter();
      const pieces: Buffer[] = [];
      for (let at = 0; at < whole.length; at += size) pieces.push(rewrite(sent(...frames).subarray(at, at + size)));
      expect(Buffer.concat(pieces).equals(whole), `pieces of ${size}`).toBe(true);
    }
  });
});

describe('a gRPC server', () => {
  const HEADERS_FRAME = 1;
  const RST_STREAM = 3;

  /** The type of the first frame that is about the request. */
  async function answerTo(takesPathAuthority: boolean): Promise<number> {
    const folder = mkdtempSync(join(tmpdir(), 'postern-authority-'));
    const path = join(folder, 'grpc.sock');
    const server = createGrpcServer({ methods: {}, log: () => {}, takesPathAuthority });
    await server.listen(path, 0o600);
    const socket = connect(path);
    try {
      const fields = [INDEXED_METHOD, Buffer.from([0x86]), PATH, literal(0x5f, 'application/grpc')];
      socket.write(
        Buffer.concat([PREFACE, frame(SETTINGS, 0, Buffer.alloc(0)), headers(literal(0x41, path), ...fields)]),
      );
      let received = Buffer.alloc(0);
      for await (const chunk of socket) {
        received = Buffer.concat([received, chunk as Buffer]);
        for (let at = 0; at + 9 <= received.length; at += 9 + received.readUIntBE(at, 3)) {
          if (received.readUInt32BE(at + 5) === STREAM) return received[at + 3] as number;
        }
      }
      throw new Error('the connection ended without an answer');
    } finally {
      socket.destroy();
      await server.close();
      rmSync(folder, { recursive: true });
    }
  }

  it('ends the request of a client that names a path, where nobody of the kind is expected', async () => {
    expect(await answerTo(false)).toBe(RST_STREAM);
  });

  it('answers it where it takes paths', async () => {
    expect(await answerTo(true)).toBe(HEADERS_FRAME);
  });
});

describe('the authority is found', () => {
  const cases: [string, (authority: string) => Buffer][] = [
    ['behind other pseudo-header fields', (a) => headers(INDEXED_METHOD, PATH, literal(0x41, a))],
    ['behind a change of the table’s size', (a) => headers(TABLE_SIZE, literal(0x41, a))],
    ['when it is not to be indexed', (a) => headers(literal(0x01, a))],
    ['when it is never to be indexed', (a) => headers(literal(0x11, a))],
    [
      'longer than a prefix can say',
      (a) => headers(Buffer.from([0x41, 0x7f, 0x80, 0x01]), Buffer.from(a.padEnd(255, 'x'))),
    ],
    [
      'in a frame with padding and a priority',
      (a) => {
        const fields = literal(0x41, a);
        const payload = Buffer.concat([Buffer.from([3]), Buffer.alloc(5), fields, Buffer.alloc(3)]);
        return frame(1, END_HEADERS | PADDED | PRIORITY, payload);
      },
    ],
    [
      'in a block that goes on in a CONTINUATION frame',
      (a) => Buffer.concat([frame(1, 0, literal(0x41, a)), frame(9, END_HEADERS, PATH)]),
    ],
  ];
  it.each(cases)('%s', (_, request) => {
    expect(read(request('/a/b'))).toEqual(sent(request('.a.b')));
  });
});

describe('nothing else is touched', () => {
  const cases: [string, Buffer][] = [
    ['a path', headers(INDEXED_METHOD, PATH)],
    ['an authority that is a host', headers(literal(0x41, 'localhost'), PATH)],
    ['an authority in Huffman’s code', headers(Buffer.from([0x41, 0x84, 0x2f, 0x2f, 0x2f, 0x2f]))],
    ['a field of another name', headers(literal(0x40, '/a/b', 'x-path'))],
    ['a message', frame(0, 0, Buffer.from('\x41\x04/a/b', 'latin1'))],
    ['a block that is cut short', headers(Buffer.from([0x41, 0x7f]))],
    ['a frame that is padding alone', frame(1, END_HEADERS | PADDED, Buffer.from([200, 0x41, 4, 0x2f]))],
  ];
  it.each(cases)('%s', (_, request) => expect(read(request)).toEqual(sent(request)));

  it('nor anything after a frame that is longer than any may be', () => {
    const long = frame(SETTINGS, 0, Buffer.alloc(16_385));
    const late = headers(literal(0x41, '/a/b'));
    expect(read(long, late)).toEqual(sent(long, late));
  });
});

it('whatever comes, no octet is lost, none is added, and none but a slash becomes a dot', () => {
  const frames = [
    settings,
    headers(TABLE_SIZE, literal(0x41, '/a/b'), PATH),
    frame(1, PADDED | PRIORITY, Buffer.alloc(60, 0x2f)),
  ];
  const original = sent(...frames);
  let seed = 1;
  const random = (bound: number) => {
    seed = (seed * 48_271) % 2_147_483_647;
    return seed % bound;
  };
  for (let round = 0; round < 5000; round += 1) {
    const bytes = Buffer.from(original);
    for (let changes = 1 + random(4); changes > 0; changes -= 1) bytes[random(bytes.length)] = random(256);
    const answer = createPathAuthorityRewriter()(Buffer.from(bytes));
    const isSame = answer.every((octet, at) => octet === bytes[at] || (octet === 0x2e && bytes[at] === 0x2f));
    expect(answer.length <= bytes.length && isSame, bytes.toString('hex')).toBe(true);
  }
});
