/**
 * Where workloads without an agent get SVIDs: one call with a proof of their platform and a certification request. What
 * they are is what the proof shows; which identity that is, entries say.
 */
import { type AttestedSvidsAnswer, MAX_SVIDS_PER_REQUEST, PATHS } from '@postern/api';
import {
  type Attestation,
  type Authority,
  type JwtSvidIssuer,
  type LineageStore,
  MAX_AUDIENCE_LENGTH,
  MAX_AUDIENCES,
  type MatchedEntry,
} from '@postern/ca';
import type { AttestorStore, RenewalStore } from '@postern/identity';
import { formatTrustBundle, type TrustBundle } from '@postern/spiffe';
import type { Clock } from '@postern/store';
import type { Context } from 'hono';
import type { AttestedNote } from '../consumers.ts';
import { parseJsonObject } from '../door/body.ts';
import { type Call, type Door, type DoorRefusal, principalOf, type RecordRefusal } from '../door/door.ts';
import { checkShape, listOf, optional, text } from '../door/shape.ts';
import { MAX_PROOF_TEXT, type Prove, type Proven } from './attestation.ts';
import { type EntryIssueReason, issueForEntry, MAX_CSR_TEXT, refusedIssue, svidOf } from './issued.ts';
import { issueJwtSvid } from './jwt_doors.ts';
import { createRenewals, firstSerialOf, type Renewing } from './renewals.ts';

export interface AttestDoorPorts {
  readonly prove: Prove;
  readonly authority: Authority;
  readonly jwtSvids: JwtSvidIssuer;
  /** Entries of whoever was verified, oldest first. */
  readonly matchEntries: (attestation: Attestation) => Promise<readonly MatchedEntry[]>;
  readonly attestors: AttestorStore;
  readonly renewalStore: RenewalStore;
  readonly lineages: LineageStore;
  readonly bundle: () => Promise<TrustBundle>;
  /** What it is given now is what it goes by until its SVID ends. */
  readonly noteAttested: (note: AttestedNote) => Promise<void>;
  readonly clock: Clock;
  /** Whether an issuer is at hand, before a proof is spent on it; rejects when not. */
  readonly prepareIssue: () => Promise<void>;
  readonly recordLock: (spiffeId: string, serial: string) => Promise<void>;
  readonly recordRefusal: RecordRefusal;
}

const MAX_BODY_BYTES = MAX_CSR_TEXT + MAX_PROOF_TEXT + 8 * 1024;

const REQUEST = {
  attestor: text(64),
  csr: text(MAX_CSR_TEXT),
  proof: optional(text(MAX_PROOF_TEXT)),
  /** One of those that it is entitled to. */
  spiffeId: optional(text(2048)),
  jwtAudience: optional(listOf(text(MAX_AUDIENCE_LENGTH), MAX_AUDIENCES)),
};

/** What a caller is to get: the entries that its proof is matched by, and where it is a renewal, of what. */
interface Entitled {
  readonly matched: readonly MatchedEntry[];
  readonly renewing?: Renewing;
}

export function mountAttestDoors(door: Pick<Door, 'open'>, ports: AttestDoorPorts): void {
  const renewals = createRenewals(ports);

  door.open('POST', PATHS.svidsAttested, MAX_BODY_BYTES, (context, call) => answer(context, call, undefined));

  door.open('POST', PATHS.svidsAwsIam, MAX_BODY_BYTES, async (context, call) => {
    const principal = principalOf(context);
    if (principal !== undefined) return answer(context, call, principal);
    const detail = 'calls here are authenticated by AWS IAM, which this control plane does not have in front of it';
    return { refused: 'not-found', reason: 'iam-front-door-missing', detail };
  });

  async function answer(context: Context, call: Call, principal: string | undefined): Promise<Response | DoorRefusal> {
    const body = parseJsonObject(call.body);
    const request = body.ok ? checkShape(body.value, REQUEST) : body;
    if (!request.ok) return { refused: 'malformed-request', reason: request.reason, detail: request.detail };
    const { attestor, csr, proof, spiffeId: wish, jwtAudience } = request.value;
    const asked = { attestor, csr, proof, call, principal, makes: 'workload' } as const;
    const proven = await ports.prove(asked, ports.prepareIssue);
    if ('refused' in proven) return proven;
    const by = proven.requester;
    const entitled = await entitledOf(proven);
    if ('refused' in entitled) return { ...entitled, by };
    const wished = entitled.matched.filter(({ spiffeId }) => wish === undefined || spiffeId.uri === wish);
    if (wished.length === 0) return { ...notEntitled(proven, wish), by };
    const issued = await issueAll(proven, { ...entitled, matched: wished }, csr, jwtAudience);
    return 'trustBundle' in issued ? context.json(issued, 201, { 'cache-control': 'no-store' }) : { ...issued, by };
  }

  async function entitledOf({ instance, attestation }: Proven): Promise<Entitled | DoorRefusal> {
    if (instance.kind !== 'x509-svid') return { matched: await ports.matchEntries(attestation) };
    const renewing = await renewals.find(instance, attestation);
    if ('refused' in renewing) return renewing;
    const matched = await ports.matchEntries(renewing.renewal.attestation);
    const { entryId, spiffeId } = renewing.renewal;
    return {
      matched: matched.filter(({ entry, spiffeId: now }) => entry.id === entryId && now.uri === spiffeId),
      renewing,
    };
  }

  /** What is refused on the way is said, and what was issued before it is handed over: it is in the record already. */
  async function issueAll(
    proven: Proven,
    { matched, renewing }: Entitled,
    csr: string,
    jwtAudience: readonly string[] | undefined,
  ): Promise<AttestedSvidsAnswer | DoorRefusal> {
    const { requester } = proven;
    const { selectors } = renewing?.renewal.attestation ?? proven.attestation;
    const svids: AttestedSvidsAnswer['svids'][number][] = [];
    const jwtSvids: NonNullable<AttestedSvidsAnswer['jwtSvids']>[number][] = [];
    const refused: AttestedSvidsAnswer['refused'][number][] = [];
    let first: EntryIssueReason | undefined;
    const notes: Omit<AttestedNote, 'bundleSequence'>[] = [];
    for (const { entry, spiffeId } of matched.slice(0, MAX_SVIDS_PER_REQUEST)) {
      const issued = await issueForEntry(ports.authority, { entry, spiffeId, csr, requester, selectors });
      if (!issued.ok) {
        first ??= issued.reason;
        refused.push({ entryId: entry.id, reason: issued.reason });
        continue;
      }
      const conflict = await renewals.follow(proven, renewing, entry, issued.value);
      if (conflict !== undefined) return conflict;
      svids.push({ entryId: entry.id, ...svidOf(issued.value) });
      const { notAfterMs, serial } = issued.value;
      notes.push({ notAfterMs, lineage: firstSerialOf(proven, renewing, serial) });
      if (jwtAudience === undefined) continue;
      const jwt = await issueJwtSvid(ports.jwtSvids, { entry, spiffeId, audience: jwtAudience, requester });
      if (jwt.ok) jwtSvids.push({ entryId: entry.id, ...jwt.value });
      else refused.push({ entryId: entry.id, reason: jwt.reason });
    }
    if (svids.length === 0 && first !== undefined) return refusedIssue(first);
    for (const { reason } of refused) ports.recordRefusal({ door: 'issue attested', reason, caller: requester });
    const bundle = await ports.bundle();
    for (const note of notes) await ports.noteAttested({ ...note, bundleSequence: bundle.sequence ?? 0 });
    const trustBundle = formatTrustBundle(bundle);
    return { svids, ...(jwtAudience !== undefined && { jwtSvids }), refused, trustBundle };
  }
}

/** Its own selectors are told to a caller that was authenticated: an administrator needs them to enter it. */
function notEntitled({ attestation, instance }: Proven, wish: string | undefined): DoorRefusal {
  const detail = wish === undefined ? 'no entry is matched by what was verified' : 'no such entry is matched';
  const members = { attestor: instance.name, selectors: attestation.selectors };
  return { refused: 'not-permitted', reason: 'entry-none', detail, members };
}
