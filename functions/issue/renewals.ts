/**
 * Renewal of workloads without an agent: the SVID that an attestation was issued, or its newest successor, stands for the
 * attestation until a day is over. Of each lineage only the newest serial renews; an older one locks it.
 */
import type { Attestation, IssuedCertificate, LineageStore, RegistrationEntry } from '@postern/ca';
import type { AttestorInstance, AttestorStore, Renewal, RenewalStore } from '@postern/identity';
import type { Clock } from '@postern/store';
import type { DoorRefusal } from '../door/door.ts';
import type { Proven } from './attestation.ts';

/** The design's daily re-attestation. */
const MAX_ATTESTATION_AGE_SECONDS = 24 * 60 * 60;

export interface Renewing {
  readonly renewal: Renewal;
}

export interface Renewals {
  /** What the proven SVID was issued for, when it may renew now. Two reads, and what the lineage costs. */
  find(
    instance: Extract<AttestorInstance, { readonly kind: 'x509-svid' }>,
    attestation: Attestation,
  ): Promise<Renewing | DoorRefusal>;
  /** After issuing: the new serial stands for the attestation from now on. A refusal: somebody else was first. */
  follow(
    proven: Proven,
    renewing: Renewing | undefined,
    entry: RegistrationEntry,
    issued: IssuedCertificate,
  ): Promise<DoorRefusal | undefined>;
}

/** Among those of agents, which are named by SPIFFE ID: many workloads share one, each with a lineage of its own. */
const lineageOf = (firstSerial: string) => `svid#${firstSerial}`;

/** Of those of which each may renew the one before; undefined where none may. */
export function firstSerialOf(
  { instance }: Pick<Proven, 'instance'>,
  renewing: Renewing | undefined,
  serial: string,
): string | undefined {
  if (renewing !== undefined) return renewing.renewal.firstSerial;
  return instance.kind !== 'x509-svid' && instance.isRenewable === true ? serial : undefined;
}

export function createRenewals(ports: {
  readonly renewalStore: RenewalStore;
  readonly attestors: AttestorStore;
  readonly lineages: LineageStore;
  readonly clock: Clock;
  readonly recordLock: (spiffeId: string, serial: string) => Promise<void>;
}): Renewals {
  const { renewalStore, attestors, lineages, clock } = ports;
  return {
    async find(instance, { claims }) {
      const [spiffeId, serial] = [claims.get('svid:id'), claims.get('svid:serial') ?? ''];
      const renewal = await renewalStore.get(serial);
      const isOf = renewal !== undefined && renewal.spiffeId === spiffeId;
      if (!isOf || !instance.renews.includes(renewal.attestation.attestor)) return refusal('svid-not-renewable');
      const ageMs = clock.nowMs() - renewal.attestedAtMs;
      if (ageMs >= (instance.maxAgeSeconds ?? MAX_ATTESTATION_AGE_SECONDS) * 1000)
        return refusal('attestation-too-old');
      const original = await attestors.get(renewal.attestation.attestor);
      if (original?.isRenewable !== true) return refusal('svid-not-renewable');
      const mayRenew = await lineages.check(lineageOf(renewal.firstSerial), serial);
      if (mayRenew.ok) return { renewal };
      if (mayRenew.reason === 'serial-superseded') await ports.recordLock(renewal.spiffeId, serial);
      return refusal(mayRenew.reason);
    },
    async follow({ instance, attestation }, renewing, entry, { serial, spiffeId, notAfterMs }) {
      const next = { serial, spiffeId, entryId: entry.id, notAfterMs };
      if (renewing !== undefined) {
        const { renewal } = renewing;
        const lineage = lineageOf(renewal.firstSerial);
        const advanced = await lineages.advance(lineage, renewal.serial, serial);
        if (!advanced.ok) return { refused: 'conflict', reason: advanced.reason };
        await renewalStore.put({ ...renewal, ...next });
        return undefined;
      }
      if (instance.isRenewable !== true) return undefined;
      // Longer than anything renews: its last SVID may be as old as the attestation, and live as long again.
      const keepUntilMs = clock.nowMs() + 2 * MAX_ATTESTATION_AGE_SECONDS * 1000;
      await lineages.start(lineageOf(serial), serial, keepUntilMs);
      await renewalStore.put({ ...next, firstSerial: serial, attestation, attestedAtMs: clock.nowMs() });
      return undefined;
    },
  };
}

/** Of an authenticated caller, who is told what to do about it. */
function refusal(reason: string): DoorRefusal {
  return { refused: 'not-permitted', reason, detail: 'show the proof of your platform again' };
}
