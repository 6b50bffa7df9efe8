/** Those who hold connections of a door that proxies wait at. */
import { connect } from 'node:net';
import { connect as connectTls } from 'node:tls';
import { encodePem } from '@postern/der';
import { createTestAuthority, createTestLeaf } from '@postern/identity/testing';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { type AuthorizeListener, listenForAuthorize } from './authorize_listener.ts';

const nowMs = Date.now();
const issuer = createTestAuthority({ trustDomain: 'demo.test', nowMs });
const leaf = createTestLeaf({
  issuer,
  uris: ['spiffe://demo.test/postern/authorize'],
  notBeforeMs: nowMs - 60_000,
  notAfterMs: nowMs + 3_600_000,
});
let listener: AuthorizeListener;
beforeAll(async () => {
  listener = await listenForAuthorize({
    authorize: async () => ({ status: 403, headers: [], body: '' }),
    state: async () => undefined,
    identity: {
      certificates: encodePem('CERTIFICATE', leaf.certificate),
      privateKey: String(leaf.privateKey.export({ format: 'pem', type: 'pkcs8' })),
    },
    host: '127.0.0.1',
    port: 0,
    clock: { nowMs: () => nowMs },
  });
});
afterAll(() => listener.close());
const address = () => ({ host: '127.0.0.1', port: Number(new URL(listener.url).port) });

/** When the server ended it, in milliseconds. */
function endOf(speak: () => ReturnType<typeof connect>): Promise<number> {
  const startMs = performance.now();
  return new Promise((resolve) => {
    const socket = speak();
    socket.on('error', () => {});
    socket.resume().on('close', () => resolve(performance.now() - startMs));
  });
}

test.concurrent('a connection that never begins TLS does not keep a proxy out', { timeout: 30_000 }, async () => {
  expect(await endOf(() => connect(address()))).toBeLessThan(8_000);
});

test.concurrent('nor one that begins TLS and asks nothing, or does not end its question', {
  timeout: 30_000,
}, async () => {
  const ends = ['', 'GET /check HTTP/1.1\r\nx-a: '].map((text) =>
    endOf(() => {
      const socket = connectTls({ ...address(), rejectUnauthorized: false }, () => void socket.write(text));
      return socket;
    }),
  );
  for (const endMs of await Promise.all(ends)) expect(endMs).toBeLessThan(14_000);
});

test.concurrent('nor one that has been answered and is nobody', { timeout: 30_000 }, async () => {
  const endMs = await endOf(() => {
    const socket = connectTls({ ...address(), rejectUnauthorized: false }, () => {
      socket.write('GET /check HTTP/1.1\r\nhost: x\r\n\r\n');
    });
    return socket;
  });
  expect(endMs).toBeLessThan(2_000);
});
