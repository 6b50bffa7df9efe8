import { accept, refuse } from '@postern/result';
import { describe, expect, it } from 'vitest';
import type { Attestor, AttestReason } from '../attest/unix.ts';
import { silent } from '../log.ts';
import { createCallerIdentities, MAX_AGE_MS } from './caller_identities.ts';
import { identityOf, sourceOf } from './testing/world.ts';

const peer = () => ({ pid: 1, uid: 2, gid: 3 });
const app = identityOf('spiffe://demo.test/app');

function setUp() {
  let nowMs = 0;
  let attested = 0;
  let entitled = [app];
  let refusal: AttestReason | undefined;
  let fault: Error | undefined;
  const attestor: Attestor = {
    async attest() {
      attested += 1;
      if (fault !== undefined) throw fault;
      return refusal === undefined ? accept(['unix:uid:2']) : refuse(refusal);
    },
  };
  const callers = createCallerIdentities({
    source: sourceOf(() => entitled),
    attestor,
    log: silent,
    nowMs: () => nowMs,
  });
  return {
    callers,
    attested: () => attested,
    advance: (ms: number) => {
      nowMs += ms;
    },
    removeEntry: () => {
      entitled = [];
    },
    refuseWith: (reason: AttestReason) => {
      refusal = reason;
    },
    failWith: (error: Error | undefined) => {
      fault = error;
    },
  };
}

const settled = () => new Promise((resolve) => setImmediate(resolve));

describe('the identities of a caller', () => {
  it('cost one attestation for many requests of one connection at once', async () => {
    const { callers, attested } = setUp();
    const connection = peer();
    const found = await Promise.all(Array.from({ length: 100 }, () => callers.of(connection)));
    expect(new Set(found.flat())).toEqual(new Set([app.spiffeId]));
    expect(callers.of(connection)).toEqual([app.spiffeId]);
    expect(attested()).toBe(1);
  });

  it('are never those of another connection, not even of the same process number', async () => {
    const { callers, attested, removeEntry } = setUp();
    expect(await callers.of(peer())).toEqual([app.spiffeId]);
    removeEntry();
    expect(await callers.of(peer())).toEqual([]);
    expect(attested()).toBe(2);
  });

  it('are found anew in the background while requests go on', async () => {
    const { callers, attested, advance, removeEntry } = setUp();
    const connection = peer();
    await callers.of(connection);
    removeEntry();
    advance(1001);
    expect(callers.of(connection)).toEqual([app.spiffeId]);
    await settled();
    expect(attested()).toBe(2);
    expect(callers.of(connection)).toEqual([]);
  });

  it('do not outlive the program that held them, on a connection that was quiet meanwhile', async () => {
    const { callers, advance, refuseWith } = setUp();
    const connection = peer();
    await callers.of(connection);
    refuseWith('peer-changed');
    advance(MAX_AGE_MS + 1);
    expect(await callers.of(connection)).toEqual([]);
  });

  it('are unknown, and not forgotten for good, after a fault', async () => {
    const { callers, failWith } = setUp();
    const connection = peer();
    failWith(new Error('no file descriptors'));
    await expect(callers.of(connection)).rejects.toThrow();
    failWith(undefined);
    expect(await callers.of(connection)).toEqual([app.spiffeId]);
  });

  it('expire also when the background attempt keeps failing', async () => {
    const { callers, advance, failWith } = setUp();
    const connection = peer();
    await callers.of(connection);
    failWith(new Error('no file descriptors'));
    advance(1001);
    expect(callers.of(connection)).toEqual([app.spiffeId]);
    await settled();
    advance(MAX_AGE_MS);
    await expect(callers.of(connection)).rejects.toThrow();
  });
});
