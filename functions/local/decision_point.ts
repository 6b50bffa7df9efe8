/** The decision point for those without an agent: `authorize` behind mTLS, with an SVID of its own. */
import { generateKeyPairSync } from 'node:crypto';
import type { ControlPlaneTrust } from '@postern/api';
import { createRefusalLedger } from '@postern/audit';
import { createBroker } from '@postern/broker';
import { AGENT_PROFILE, type Authority, createCsr } from '@postern/ca';
import { encodePem } from '@postern/der';
import type { FeedPublisher } from '@postern/feed';
import { parseSpiffeId } from '@postern/spiffe';
import type { Clock, Objects } from '@postern/store';
import { createAuthorize } from '../authorize/authorize.ts';
import { createFunctionFollower } from '../feed/follow.ts';
import { type AuthorizeListener, listenForAuthorize, type ServerIdentity } from './authorize_listener.ts';
import type { RecordBy } from './producers.ts';
import type { Shutdown } from './shutdown.ts';

/** Below the path that is reserved for the control plane. */
const AUTHORIZE_PATH = '/postern/authorize';
const RENEWAL_MS = 60 * 60 * 1000;
const RENEWAL_CHECK_MS = 60_000;

export async function openDecisionPoint(ports: {
  readonly trust: ControlPlaneTrust;
  readonly feedPublisher: FeedPublisher;
  readonly objects: Objects;
  readonly authority: Authority;
  readonly recordBy: RecordBy;
  readonly clock: Clock;
  readonly host: string;
  readonly port: number;
  readonly onFault: (fault: unknown) => void;
  readonly shutdown: Shutdown;
}): Promise<AuthorizeListener> {
  const { trust, objects, authority, clock, host, port, onFault, shutdown } = ports;
  const state = createFunctionFollower({ trust, publisher: ports.feedPublisher, objects, clock, onFault });
  const record = ports.recordBy('authorize');
  const refusals = createRefusalLedger({ append: record, onFault });
  shutdown.add(refusals.flush);
  const authorize = createAuthorize({
    broker: createBroker({ clock, onFault }),
    state,
    record,
    refusals,
    nowUs: () => performance.now() * 1000,
    onFault,
  });
  const identity = await issueOwnIdentity(trust.trustDomain, authority);
  const listener = await listenForAuthorize({ authorize, state, identity, host, port, clock });
  shutdown.add(listener.close);

  let renewAtMs = clock.nowMs() + RENEWAL_MS;
  const timer = setInterval(() => {
    if (clock.nowMs() < renewAtMs) return;
    renewAtMs = clock.nowMs() + RENEWAL_MS;
    issueOwnIdentity(trust.trustDomain, authority).then(listener.setIdentity).catch(onFault);
  }, RENEWAL_CHECK_MS);
  shutdown.add(() => clearInterval(timer));
  return listener;
}

async function issueOwnIdentity(trustDomain: string, authority: Authority): Promise<ServerIdentity> {
  const { privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  const spiffeId = parseSpiffeId(`spiffe://${trustDomain}${AUTHORIZE_PATH}`);
  if (!spiffeId.ok) throw new Error(spiffeId.reason);
  const csr = createCsr(privateKey, {});
  const requester = 'function:authorize';
  const request = { spiffeId: spiffeId.value, dnsNames: [], profile: AGENT_PROFILE, csr, requester };
  const issued = await authority.issueX509Svid(request);
  if (!issued.ok) throw new Error(`no SVID for authorize: ${issued.reason}`);
  return {
    certificates: issued.value.chain.map((der) => encodePem('CERTIFICATE', der)).join(''),
    privateKey: privateKey.export({ format: 'pem', type: 'pkcs8' }) as string,
  };
}
