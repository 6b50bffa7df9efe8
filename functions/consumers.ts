/**
 * Who verifies by our trust bundle, and which bundle each of them has: what a new root waits for. `issue` notes who was
 * given an SVID, `feed` keeps what agents say, and `rotate` believes of it only what an agent's own key signed. Whoever
 * merely writes the table can make a rollover wait; to make it hurry he would have to know who is not there.
 */
import { createHash } from 'node:crypto';
import { AGENT_PATH, type AuthorityState, bundleOf, type Consumer, publishedOf, signingOf } from '@postern/ca';
import { verifyRequestProof } from '@postern/identity';
import type { Certificate, TrustBundle } from '@postern/spiffe';
import type { Attribute, Clock, Item, Table } from '@postern/store';
import type { PresentedSvid } from './door/agent_proof.ts';

const PARTITION = 'consumer';
const HOUR_MS = 60 * 60 * 1000;
const NO_BODY = createHash('sha256').digest();
/** An agent is one of each kind; more than this is not a fleet of one trust domain, and is waited for until an override. */
const MAX_ITEMS = 100_000;

/** Of the query of a feed poll. */
export const BUNDLE_PARAMETER = 'bundle';

/** The agent lives as long as its SVID. One write a join or renewal. */
export async function noteAgent(table: Table, spiffeId: string, notAfterMs: number): Promise<void> {
  await table.put({
    pk: PARTITION,
    sk: `live#${spiffeId}`,
    attributes: { untilMs: notAfterMs },
    ...expiry(notAfterMs),
  });
}

export interface AttestedNote {
  readonly bundleSequence: number;
  readonly notAfterMs: number;
  /** First serial of those that may renew: the next one takes the place of this one. */
  readonly lineage?: string | undefined;
}

/**
 * Workloads without an agent poll for nothing: what they know is the bundle that came with their SVID, until that ends or
 * is renewed. One write for each SVID that may be; for all others together one an hour, bundle and instance.
 */
export function createAttestedNotes(table: Table): (note: AttestedNote) => Promise<void> {
  const noted = new Set<string>();
  return async ({ bundleSequence, notAfterMs, lineage }) => {
    if (lineage !== undefined) {
      const attributes = { untilMs: notAfterMs, bundleSequence };
      await table.put({ pk: PARTITION, sk: `renewing#${lineage}`, attributes, ...expiry(notAfterMs) });
      return;
    }
    const hour = Math.ceil(notAfterMs / HOUR_MS);
    const sk = `attested#${bundleSequence}#${hour}`;
    if (noted.has(sk)) return;
    const untilMs = hour * HOUR_MS;
    await table.put({ pk: PARTITION, sk, attributes: { untilMs, bundleSequence }, ...expiry(untilMs) });
    if (noted.size > 100) noted.clear();
    noted.add(sk);
  };
}

export interface AgentReport {
  readonly agent: { readonly spiffeId: string; readonly serial: string; readonly notAfterMs: number };
  readonly bundleSequence: number;
  /** The call's own proof, over method and target: what the agent signed. */
  readonly proof: string;
  readonly target: string;
  readonly audience: string;
}

const MAX_REMEMBERED = 20_000;

/** Keeps what an authenticated agent said, when it is news. One write for each bundle and SVID of an agent, and instance. */
export function createReports(table: Table, clock: Clock): (report: AgentReport) => Promise<void> {
  const known = new Map<string, string>();
  return async ({ agent, bundleSequence, proof, target, audience }) => {
    const said = `${agent.serial} ${bundleSequence}`;
    if (known.get(agent.spiffeId) === said) return;
    const attributes = { bundleSequence, proof, target, audience, atMs: clock.nowMs() };
    await table.put({ pk: PARTITION, sk: `report#${agent.spiffeId}`, attributes, ...expiry(agent.notAfterMs) });
    if (known.size >= MAX_REMEMBERED) known.clear();
    known.set(agent.spiffeId, said);
  };
}

export interface ConsumerPorts {
  readonly table: Table;
  /** What counts now. */
  readonly state: AuthorityState;
  readonly clock: Clock;
  readonly isRevoked: (svid: PresentedSvid) => Promise<boolean>;
  readonly isAgentRevoked: (spiffeId: string) => Promise<boolean>;
}

/** What is known of one of them, until it is known whether that counts. */
interface Known extends Consumer {
  /** The SVID that it reported under. */
  readonly svid?: PresentedSvid;
}

/**
 * Everybody who lives. An agent that never said anything is among them, with no bundle; a report that its agent did not
 * sign, or under an SVID that counts no more, or of a bundle that there is not, is none. Who was revoked is left out where
 * he would be waited for. Cost: a query for each thousand items, a signature check for each agent, and four reads for each
 * that is behind.
 */
export async function listConsumers(ports: ConsumerPorts): Promise<readonly Consumer[]> {
  const { table, state, clock } = ports;
  const bundle = bundleOf(state);
  const nowMs = clock.nowMs();
  const agents = new Map<string, Known>();
  const attested = new Map<number, Consumer>();
  const unseen: Consumer[] = [];
  let count = 0;
  for await (const { sk, attributes } of itemsOf(table)) {
    count += 1;
    if (count > MAX_ITEMS) {
      unseen.push({ name: `those beyond the first ${MAX_ITEMS}, who were not looked at`, untilMs: nowMs + HOUR_MS });
      break;
    }
    const [kind, name] = split(sk);
    const untilMs = Number(attributes['untilMs']);
    if (kind === 'live' && untilMs > nowMs) {
      agents.set(name, { name, untilMs });
    } else if ((kind === 'attested' || kind === 'renewing') && untilMs > nowMs) {
      const bundleSequence = Number(attributes['bundleSequence']);
      const lastMs = Math.max(untilMs, attested.get(bundleSequence)?.untilMs ?? 0);
      const name = `workloads attested with bundle ${bundleSequence}`;
      attested.set(bundleSequence, { name, bundleSequence, untilMs: lastMs });
    } else if (kind === 'report') {
      const report = await believe(name, attributes, bundle);
      if (report === undefined || report.notAfterMs <= nowMs) continue;
      const { bundleSequence, path, notAfterMs, leaf } = report;
      const root = rootOf(path, state);
      const svid = { spiffeId: name, leaf, path };
      agents.set(name, { name, bundleSequence, ...(root !== undefined && { root }), untilMs: notAfterMs, svid });
    }
  }
  return [...(await withoutRevoked([...agents.values()], ports)), ...attested.values(), ...unseen];
}

const AT_ONCE = 16;

async function withoutRevoked(agents: readonly Known[], ports: ConsumerPorts): Promise<readonly Consumer[]> {
  const { bundleSequence: newest } = ports.state;
  const signing = signingOf(ports.state, 'root').generation;
  const isWaitedFor = ({ bundleSequence, root }: Known) => bundleSequence !== newest || root !== signing;
  const kept: Consumer[] = [];
  for (let from = 0; from < agents.length; from += AT_ONCE) {
    const checked = agents.slice(from, from + AT_ONCE).map(async ({ svid, ...consumer }) => {
      if (!isWaitedFor(consumer)) return consumer;
      const isRevoked = svid === undefined ? ports.isAgentRevoked(consumer.name) : ports.isRevoked(svid);
      return (await isRevoked) ? undefined : consumer;
    });
    kept.push(...(await Promise.all(checked)).filter((consumer) => consumer !== undefined));
  }
  return kept;
}

/** `attributes`: untrusted. What the agent signed names the bundle; the item's own number does not count. */
async function believe(name: string, attributes: Item['attributes'], bundle: TrustBundle) {
  const [proof, target, audience] = ['proof', 'target', 'audience'].map((member) => textOf(attributes[member]));
  const atMs = Number(attributes['atMs']);
  if (proof === undefined || target === undefined || audience === undefined || !Number.isFinite(atMs)) return undefined;
  const said = new URLSearchParams(target.slice(target.indexOf('?') + 1)).get(BUNDLE_PARAMETER) ?? '';
  if (!/^[1-9]\d{0,14}$/.test(said) || !name.startsWith(`spiffe://${bundle.trustDomain}${AGENT_PATH}`))
    return undefined;
  const verified = await verifyRequestProof(proof, {
    method: 'GET',
    target,
    bodyDigest: NO_BODY,
    audience,
    nowMs: atMs,
    bundle,
    issuers: [],
    consume: async () => true,
  });
  if (!verified.ok || verified.value.spiffeId.uri !== name) return undefined;
  const bundleSequence = Number(said);
  // It would have every bundle to come as well.
  if (bundleSequence > (bundle.sequence ?? 0)) return undefined;
  const { notAfterMs, leaf, path } = verified.value;
  return { bundleSequence, notAfterMs, leaf, path };
}

/** Ours may stand below a company's, which is then at the path's end. */
function rootOf(path: readonly Certificate[], state: AuthorityState): number | undefined {
  const keys = path.map(({ spki }) => Buffer.from(spki).toString('base64'));
  return publishedOf(state, 'root').find(({ spki }) => keys.includes(spki))?.generation;
}

/** `live#` comes before `report#`: what was reported of the agent stays. */
async function* itemsOf(table: Table): AsyncGenerator<Item> {
  for (let after: string | undefined, isMore = true; isMore; isMore = after !== undefined) {
    const page = await table.query({ pk: PARTITION, limit: 1000, ...(after !== undefined && { after }) });
    yield* page.items;
    after = page.next;
  }
}

function split(sk: string): readonly [kind: string, name: string] {
  const at = sk.indexOf('#');
  return [sk.slice(0, at), sk.slice(at + 1)];
}

const textOf = (value: Attribute | undefined): string | undefined => (typeof value === 'string' ? value : undefined);
const expiry = (atMs: number) => ({ expiresAtSeconds: Math.ceil(atMs / 1000) });
