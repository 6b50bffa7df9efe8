import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { readOwnCertificate } from '@postern/ca';
import { generateSoftwareSigner, openSoftwareKeyRing } from '@postern/keys';
import { parseTrustDomain, type TrustDomain } from '@postern/spiffe';
import { createMemoryObjects, createMemoryTable } from '@postern/store/embedded';
import { createManualClock, type ManualClock } from '@postern/store/testing';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { storedIssuers } from '../issuer_certificates.ts';
import { restrictKeys, restrictObjects, restrictTable } from '../restrict.ts';
import { openRotate } from './open.ts';

let dir: string;
let clock: ManualClock;
let ports: Omit<Parameters<typeof openRotate>[0], 'constrainIssuers'>;
beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), 'postern-constrained-'));
  clock = createManualClock();
  ports = {
    trustDomain: 'demo.test' as TrustDomain,
    clock,
    log: () => {},
    table: restrictTable(createMemoryTable({ clock }), 'rotate'),
    objects: restrictObjects(createMemoryObjects(), 'rotate'),
    keys: restrictKeys(openSoftwareKeyRing(dir), 'rotate'),
    identify: () => undefined,
  };
});
afterEach(() => rmSync(dir, { recursive: true }));

const { spki } = generateSoftwareSigner('ES256');
const ephemeral = async (constrainIssuers?: boolean) => {
  const rotate = await openRotate({ ...ports, ...(constrainIssuers !== undefined && { constrainIssuers }) });
  await rotate.tick();
  return readOwnCertificate(await rotate.certifier.certifyIssuer(spki)).uriConstraints;
};
async function inKeyStore() {
  const all: ReturnType<typeof readOwnCertificate>['uriConstraints'][] = [];
  for await (const { der } of storedIssuers(ports.objects)) all.push(readOwnCertificate(der).uriConstraints);
  return all;
}

describe('a name constraint on issuers', () => {
  test('is there when it was asked for, on both kinds of issuer, and names this trust domain alone', async () => {
    const constraint = { permitted: ['demo.test'], excluded: [], hasOtherKinds: false };
    expect(await ephemeral(true)).toEqual(constraint);
    expect(await inKeyStore()).toEqual([constraint]);
  });

  test('is not there when nobody asked', async () => {
    expect(await ephemeral()).toBeUndefined();
    expect(await inKeyStore()).toEqual([undefined]);
  });

  test('comes and goes with the setting: the issuer key is certified anew with the next tick', async () => {
    await ephemeral();
    for (const isAsked of [true, false]) {
      clock.advanceMs(1000);
      await ephemeral(isAsked);
      expect(await inKeyStore()).toContainEqual(
        isAsked ? expect.objectContaining({ permitted: ['demo.test'] }) : undefined,
      );
    }
    const before = await inKeyStore();
    await ephemeral(false);
    expect(await inKeyStore()).toHaveLength(before.length);
  });

  test.each(['demo_1.test', '10.0.0.1'])(
    'is refused for %s at the start: proxies would refuse every SVID',
    async (name) => {
      const trustDomain = parseTrustDomain(name);
      if (!trustDomain.ok) throw new Error(trustDomain.reason);
      const opening = openRotate({ ...ports, trustDomain: trustDomain.value, constrainIssuers: true });
      await expect(opening).rejects.toThrow('is no host name');
    },
  );
});
