/**
 * The one function that may use the root key. Certifies the key of an issuing instance: logged, counted, and in the feed
 * before its first leaf, so that every decision point knows an issuer before it meets one of its certificates.
 */
import { type CertifyIssuerKey, certifyIssuer, readOwnCertificate } from '@postern/ca';
import type { FeedLog } from '@postern/feed';
import { type Signer, SignerUnavailable } from '@postern/keys';
import type { Certificate, TrustDomain } from '@postern/spiffe';
import type { Clock, Table } from '@postern/store';

export interface RotatePorts {
  readonly trustDomain: TrustDomain;
  readonly rootSigner: () => Promise<Signer>;
  readonly root: Certificate;
  readonly feedLog: FeedLog;
  readonly table: Table;
  readonly clock: Clock;
  /** Durable when it resolves. */
  readonly recordIssuer: (issuer: {
    keyId: string;
    serial: string;
    notAfterMs: number;
    certificate: string;
  }) => Promise<void>;
}

/** A fleet of instances starts in minutes; more than this is a loop, or somebody else. */
const MAX_ISSUERS_PER_HOUR = 500;
const HOUR_MS = 60 * 60 * 1000;

/** Cost: one use of the root key, one record, one entry of the feed. */
export function createCertifyIssuer(ports: RotatePorts): CertifyIssuerKey {
  return async (spki) => {
    const nowMs = ports.clock.nowMs();
    await count(ports.table, nowMs);
    const rootSigner = await ports.rootSigner();
    const der = await certifyIssuer({ rootSigner, root: ports.root, spki, trustDomain: ports.trustDomain, nowMs });
    const issuer = readOwnCertificate(der);
    const keyId = issuer.subjectKeyId as string;
    const certificate = Buffer.from(der).toString('base64');
    await ports.recordIssuer({ keyId, serial: issuer.serial, notAfterMs: issuer.notAfterMs, certificate });
    const fact = {
      kind: 'issuer-certificate',
      subject: keyId,
      observedAtMs: nowMs,
      expiresAtMs: issuer.notAfterMs,
      certificate,
    } as const;
    const appended = await ports.feedLog.append([fact]);
    if (!appended.ok) throw new SignerUnavailable(`the issuer is not in the feed: ${appended.reason}`);
    return der;
  };
}

async function count(table: Table, nowMs: number): Promise<void> {
  const hour = Math.floor(nowMs / HOUR_MS);
  const counted = await table.update({
    pk: 'issuers-certified',
    sk: String(hour),
    add: { count: 1 },
    expiresAtSeconds: (hour + 2) * (HOUR_MS / 1000),
  });
  if (counted.ok && Number(counted.value.attributes['count']) > MAX_ISSUERS_PER_HOUR)
    throw new SignerUnavailable(`more than ${MAX_ISSUERS_PER_HOUR} issuers were certified this hour`);
}
