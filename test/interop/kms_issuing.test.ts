/** Whom each SVID costs a use of which KMS key, and which keys each function needs for it: on a stand-in for KMS. */
import { generateKeyPairSync } from 'node:crypto';
import { CreateKeyCommand, KMSClient } from '@aws-sdk/client-kms';
import { createKmsKeyRing } from '@postern/aws';
import { createSdkClients } from '@postern/aws/sdk';
import { createCsr, KMS_PROFILE, type LeafProfile, WORKLOAD_PROFILE } from '@postern/ca';
import type { FunctionName } from '@postern/functions/access';
import { openIssue } from '@postern/functions/issue/open';
import { restrictKeys, restrictObjects, restrictTable } from '@postern/functions/restrict';
import { openRotate } from '@postern/functions/rotate/open';
import { type SigningKeyName, verifyX509Signature } from '@postern/keys';
import { parseSpiffeId, parseTrustDomain, verifyX509Svid } from '@postern/spiffe';
import { systemClock } from '@postern/store';
import { createMemoryObjects, createMemoryTable } from '@postern/store/embedded';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type RunningMiniStack, startMiniStack } from '../kit/ministack.ts';
import { describeWithTool } from '../kit/tools.ts';

const SVIDS = 25;

function must<T>(result: { ok: true; value: T } | { ok: false; reason: string }): T {
  if (!result.ok) throw new Error(result.reason);
  return result.value;
}

describeWithTool('issuing on KMS', ['ministack'], () => {
  let ministack: RunningMiniStack;
  let stop: () => void;
  let issue: Awaited<ReturnType<typeof openIssue>>;
  let rotate: Awaited<ReturnType<typeof openRotate>>;
  /** Sign calls by the name of the key. */
  let signs: { [name: string]: number };
  let verify: (chain: readonly Uint8Array[]) => boolean;

  beforeAll(async () => {
    ministack = await startMiniStack();
    const settings = { ...ministack.clientConfig, credentials: async () => ministack.clientConfig.credentials };
    const kms = new KMSClient(ministack.clientConfig);
    const clients = createSdkClients(settings);
    stop = () => {
      kms.destroy();
      clients.close();
    };
    const createKey = async (
      KeySpec: 'ECC_NIST_P384' | 'ECC_NIST_P256' | 'HMAC_256',
      KeyUsage: 'SIGN_VERIFY' | 'GENERATE_VERIFY_MAC' = 'SIGN_VERIFY',
    ) => (await kms.send(new CreateKeyCommand({ KeySpec, KeyUsage }))).KeyMetadata?.Arn as string;
    const signers = {
      root: await createKey('ECC_NIST_P384'),
      issuer: await createKey('ECC_NIST_P256'),
      jwt: await createKey('ECC_NIST_P256'),
      assertion: await createKey('ECC_NIST_P256'),
    } satisfies { [K in SigningKeyName]?: string };
    const createMac = () => createKey('HMAC_256', 'GENERATE_VERIFY_MAC');
    const macs = { entries: await createMac(), facts: await createMac() };
    signs = {};
    const calls = {
      ...clients.kms,
      sign(input: Parameters<typeof clients.kms.sign>[0], signal: AbortSignal) {
        const name = Object.entries(signers).find(([, arn]) => arn === input.KeyId)?.[0] ?? 'unknown';
        signs[name] = (signs[name] ?? 0) + 1;
        return clients.kms.sign(input, signal);
      },
    };
    const ring = createKmsKeyRing({ calls, keys: { signers, macs, aliasPrefix: 'alias/postern-cost' } });
    const clock = systemClock;
    const [table, objects] = [createMemoryTable({ clock }), createMemoryObjects()];
    const trustDomain = must(parseTrustDomain('demo.test'));
    const portsOf = (name: FunctionName) => ({
      ...{ trustDomain, clock, log: () => {} },
      ...{ table: restrictTable(table, name), objects: restrictObjects(objects, name), keys: restrictKeys(ring, name) },
    });
    rotate = await openRotate({ ...portsOf('rotate'), identify: () => undefined });
    await rotate.tick();
    issue = await openIssue({
      ...portsOf('issue'),
      ...{ certifier: rotate.certifier, url: 'https://postern.demo.test', allowLoopbackIssuers: false },
      attestorSecret: async () => '',
      identify: () => undefined,
    });
    await issue.warmUp();
    const root = (await objects.get('authority/root.der')) as Uint8Array;
    const bundles = new Map([['demo.test', { trustDomain, x509Authorities: [root], jwtAuthorities: [] }]]);
    verify = (chain) =>
      verifyX509Svid({ chain, bundles, nowMs: clock.nowMs(), verifySignature: verifyX509Signature }).ok;
  }, 60_000);
  afterAll(async () => {
    await issue?.close();
    await rotate?.close();
    stop?.();
    await ministack?.stop();
  });

  async function issueMany(profile: LeafProfile): Promise<{ [name: string]: number }> {
    const before = { ...signs };
    const { privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
    const request = { spiffeId: must(parseSpiffeId('spiffe://demo.test/a')), dnsNames: [], requester: 'test' };
    for (let index = 0; index < SVIDS; index++) {
      const issued = await issue.authority.issueX509Svid({ ...request, profile, csr: createCsr(privateKey, {}) });
      expect(verify(must(issued).chain)).toBe(true);
    }
    const grown = Object.entries(signs).map(([name, count]): [string, number] => [name, count - (before[name] ?? 0)]);
    return Object.fromEntries(grown.filter(([, count]) => count > 0));
  }

  describe(`${SVIDS} SVIDs`, () => {
    test('of the profile workload cost one use of the root key, for the issuer of this instance', async () => {
      expect(await issueMany(WORKLOAD_PROFILE)).toEqual({ root: 1 });
      expect(await issueMany(WORKLOAD_PROFILE)).toEqual({});
    });

    test('of the profile kms cost one use of the issuer key each, and of no other', async () => {
      expect(await issueMany(KMS_PROFILE)).toEqual({ issuer: SVIDS });
    });
  });

  test('another tick costs no use of any key', async () => {
    const before = { ...signs };
    await rotate.tick();
    expect(signs).toEqual(before);
  });
});
