/** The feed's door: pages for followers, and the releases that heads name. Agents only. */
import { promisify } from 'node:util';
import { gzip } from 'node:zlib';
import { PATHS } from '@postern/api';
import type { FeedPublisher } from '@postern/feed';
import { REQUEST_PROOF_HEADER } from '@postern/identity';
import { parseTrustDomain } from '@postern/spiffe';
import type { Objects } from '@postern/store';
import type { Context, Hono } from 'hono';
import { type AgentReport, BUNDLE_PARAMETER } from '../consumers.ts';
import { type Agent, type AuthenticateAgent, createDoor, type DoorPorts, targetOf } from '../door/door.ts';
import { releaseObject } from '../publish/releases.ts';
import { WANTED_PARAMETER } from '../wanted_bundles.ts';

export interface FeedPorts extends DoorPorts {
  readonly authenticate: AuthenticateAgent;
  readonly publisher: FeedPublisher;
  readonly objects: Objects;
  /** What proofs are made for. */
  readonly audience: string;
  /** Keeps which trust bundle an agent says it has. */
  readonly report: (report: AgentReport) => Promise<void>;
  /** Has the bundle of a federated trust domain fetched before its time; bounded. */
  readonly wish: (trustDomain: string) => Promise<void>;
  readonly onFault: (fault: unknown) => void;
}

const MAX_EPOCH_LENGTH = 64;
/** A platform answers 6 MB at most, and a release may have several times as much; it shrinks to a tenth. */
const MAX_PLAIN_BYTES = 256 * 1024;
const compress = promisify(gzip);

/** Cost of a page: one read of the head and at most one query; no KMS call but one per hour and instance. */
export function createFeedApp(ports: FeedPorts): Hono {
  const door = createDoor('feed', ports);

  door.agent(ports.authenticate, 'GET', PATHS.feed, 0, async (context, agent) => {
    const epoch = context.req.query('epoch') ?? '';
    const after = Number(context.req.query('after') ?? '0');
    if (epoch.length > MAX_EPOCH_LENGTH || !Number.isSafeInteger(after) || after < 0)
      return { refused: 'malformed-request', reason: 'feed-position-malformed' };
    const said = context.req.query(BUNDLE_PARAMETER);
    if (said !== undefined && !BUNDLE_SEQUENCE.test(said))
      return { refused: 'malformed-request', reason: 'bundle-sequence-malformed' };
    const wanted = context.req.query(WANTED_PARAMETER);
    if (wanted !== undefined && !parseTrustDomain(wanted).ok)
      return { refused: 'malformed-request', reason: 'wanted-bundle-malformed' };
    if (said !== undefined) await keep(context, agent, Number(said));
    if (wanted !== undefined) await ports.wish(wanted).catch(ports.onFault);
    const page = await ports.publisher.page({ epoch, after });
    if (page === undefined) return { refused: 'unavailable', reason: 'feed-not-open' };
    context.header('cache-control', 'no-store');
    return context.json(page);
  });

  door.agent(ports.authenticate, 'GET', PATHS.release(':number'), 0, async (context) => {
    const number = Number(context.req.param('number'));
    if (!Number.isSafeInteger(number) || number < 1)
      return { refused: 'not-found', reason: 'release-number-malformed' };
    const jws = await ports.objects.get(releaseObject(number));
    if (jws === undefined) return { refused: 'not-found', reason: 'release-unknown' };
    const headers = {
      'content-type': 'application/jose',
      'cache-control': 'private, max-age=31536000, immutable',
      vary: 'accept-encoding',
    };
    if (jws.length <= MAX_PLAIN_BYTES || !acceptsGzip(context.req.header('accept-encoding')))
      return context.body(Buffer.from(jws).toString('latin1'), 200, headers);
    return context.body(Uint8Array.from(await compress(jws)), 200, { ...headers, 'content-encoding': 'gzip' });
  });

  /** A rollover may wait for want of it; the agent's own work does not. */
  async function keep(context: Context, agent: Agent, bundleSequence: number): Promise<void> {
    const proof = context.req.header(REQUEST_PROOF_HEADER) ?? '';
    const report = { agent, bundleSequence, proof, target: targetOf(context), audience: ports.audience };
    await ports.report(report).catch(ports.onFault);
  }

  return door.app;
}

const BUNDLE_SEQUENCE = /^[1-9]\d{0,14}$/;

/** RFC 9110 12.5.3: named, and not with a weight of nothing. */
function acceptsGzip(acceptEncoding = ''): boolean {
  const codings = acceptEncoding.toLowerCase().split(',');
  return codings.some((coding) => /^\s*gzip\s*(?:;\s*q=(?!0(?:\.0*)?\s*$)|$)/.test(coding));
}
