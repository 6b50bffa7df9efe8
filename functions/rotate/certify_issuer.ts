/**
 * The one function that may use the root key. Certifies the key of an issuing instance: logged, counted, and in the feed
 * before its first leaf, so that every decision point knows an issuer before it meets one of its certificates.
 */
import { type CertifyIssuerKey, certifyIssuer, EPHEMERAL_ISSUER_SECONDS } from '@postern/ca';
import { SignerUnavailable } from '@postern/keys';
import type { TrustDomain } from '@postern/spiffe';
import type { Clock, Table } from '@postern/store';
import { type AnnouncePorts, announceIssuer } from './announce_issuer.ts';
import type { RollingAuthority } from './rolling_authority.ts';

export interface RotatePorts extends AnnouncePorts {
  readonly trustDomain: TrustDomain;
  /** The root that signs now. */
  readonly certifying: RollingAuthority['certifying'];
  readonly isNameConstrained: boolean;
  readonly table: Table;
  readonly clock: Clock;
}

/** A fleet of instances starts in minutes; more than this is a loop, or somebody else. */
const MAX_ISSUERS_PER_HOUR = 500;
const HOUR_MS = 60 * 60 * 1000;

/** Cost: one use of the root key, two reads, one record, one entry of the feed. */
export function createCertifyIssuer(ports: RotatePorts): CertifyIssuerKey {
  return async (spki) => {
    const nowMs = ports.clock.nowMs();
    await count(ports.table, nowMs);
    const { signer: rootSigner, root } = await ports.certifying(EPHEMERAL_ISSUER_SECONDS);
    const { trustDomain, isNameConstrained } = ports;
    const der = await certifyIssuer({ rootSigner, root, spki, trustDomain, nowMs, isNameConstrained });
    await announceIssuer(ports, der, nowMs);
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
