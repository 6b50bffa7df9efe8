/** One SVID by a library call, and the floor below it: what the same keys cost in `node:crypto` alone. */
import { createPublicKey, generateKeyPairSync, sign, verify } from 'node:crypto';
import {
  type Authority,
  certifyIssuer,
  createAuthority,
  createEphemeralIssuer,
  createRootCertificate,
  readOwnCertificate,
  WORKLOAD_PROFILE,
} from '@postern/ca';
import { generateSoftwareSigner } from '@postern/keys';
import { countSigns } from '@postern/keys/testing';
import { parseSpiffeId, parseTrustDomain } from '@postern/spiffe';
import { systemClock } from '@postern/store';
import { alternate } from '../measure/alternate.ts';
import { cpuPerAsyncCallUs } from '../measure/cpu_time.ts';
import { type Measurement, measurementOf } from '../measure/measurement.ts';
import { createCsrs } from './requests.ts';

export type LibraryFigures = {
  readonly ours: Measurement;
  readonly floor: Measurement;
  readonly rootSignaturesPer1000: Measurement;
};

export type LibraryPlan = { readonly csrs: number; readonly callsPerRun: number; readonly rounds: number };

export async function measureLibrary({ csrs: count, callsPerRun, rounds }: LibraryPlan): Promise<LibraryFigures> {
  const csrs = createCsrs(count);
  const { issue } = await createIssuing();
  const floor = createFloor(csrs);
  const inTurn = (use: (csr: number) => Promise<void>) => (call: number) => use(call % count);
  const { ours, floor: measuredFloor } = await alternate(
    [
      {
        name: 'ours',
        run: () =>
          cpuPerAsyncCallUs(
            callsPerRun,
            inTurn((index) => issue(csrs[index]!)),
          ),
      },
      {
        name: 'floor',
        run: () =>
          cpuPerAsyncCallUs(
            callsPerRun,
            inTurn(async (index) => floor(index)),
          ),
      },
    ],
    rounds,
  );
  const fresh = await createIssuing();
  for (let call = 0; call < 1000; call++) await fresh.issue(csrs[call % count]!);
  return { ours, floor: measuredFloor, rootSignaturesPer1000: measurementOf([fresh.rootSignatures()]) };
}

/** The authority on an ephemeral issuer of its own; its records are kept by nobody. */
async function createIssuing(): Promise<{ issue: (csr: Uint8Array) => Promise<void>; rootSignatures: () => number }> {
  const trustDomain = must(parseTrustDomain('bench.test'));
  const spiffeId = must(parseSpiffeId('spiffe://bench.test/payments'));
  const nowMs = systemClock.nowMs();
  const plainSigner = generateSoftwareSigner('ES384');
  const root = readOwnCertificate(await createRootCertificate({ signer: plainSigner, trustDomain, nowMs }));
  const rootSigner = countSigns(plainSigner);
  const nothing = async () => {};
  const issuer = createEphemeralIssuer({
    clock: systemClock,
    certify: (spki) => certifyIssuer({ rootSigner, root, spki, trustDomain, nowMs: systemClock.nowMs() }),
  });
  const authority: Authority = createAuthority({
    clock: systemClock,
    audit: { begin: nothing, complete: nothing, failed: nothing },
    issuers: { ephemeral: issuer, kms: issuer },
  });
  const request = { spiffeId, dnsNames: [], profile: WORKLOAD_PROFILE, requester: 'bench' };
  return {
    issue: async (csr) => void must(await authority.issueX509Svid({ ...request, csr })),
    rootSignatures: () => rootSigner.count,
  };
}

/** Imports the key of a request, verifies a signature by it and signs as an issuer: nothing that issues can do without. */
function createFloor(csrs: readonly Uint8Array[]): (index: number) => void {
  const issuerKey = generateKeyPairSync('ec', { namedCurve: 'P-256' }).privateKey;
  const message = Buffer.alloc(300, 'to be signed');
  const cases = csrs.map(() => {
    const { privateKey, publicKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
    return { spki: publicKey.export({ format: 'der', type: 'spki' }), signature: sign('sha256', message, privateKey) };
  });
  return (index) => {
    const { spki, signature } = cases[index]!;
    const key = createPublicKey({ key: spki, format: 'der', type: 'spki' });
    if (!verify('sha256', message, key, signature)) throw new Error('the floor verifies nothing');
    sign('sha256', message, issuerKey);
  };
}

function must<T>(result: { ok: true; value: T } | { ok: false; reason: string }): T {
  if (!result.ok) throw new Error(result.reason);
  return result.value;
}
