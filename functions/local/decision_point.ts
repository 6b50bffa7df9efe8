/** The decision point for those without an agent: `authorize` behind mTLS, with an SVID of its own. */
import { generateKeyPairSync } from 'node:crypto';
import { AGENT_PROFILE, type Authority, createCsr } from '@postern/ca';
import { encodePem } from '@postern/der';
import { parseSpiffeId } from '@postern/spiffe';
import type { Clock } from '@postern/store';
import type { OpenAuthorize } from '../authorize/open.ts';
import { type AuthorizeListener, listenForAuthorize, type ServerIdentity } from './authorize_listener.ts';
import type { Shutdown } from './shutdown.ts';

/** Below the path that is reserved for the control plane. */
const AUTHORIZE_PATH = '/postern/authorize';
const RENEWAL_MS = 60 * 60 * 1000;
const RENEWAL_CHECK_MS = 60_000;

export async function listenAsDecisionPoint(ports: {
  readonly opened: OpenAuthorize;
  readonly trustDomain: string;
  readonly authority: Authority;
  readonly clock: Clock;
  readonly host: string;
  readonly port: number;
  readonly onFault: (fault: unknown) => void;
  readonly shutdown: Shutdown;
}): Promise<AuthorizeListener> {
  const { trustDomain, authority, clock, host, port, onFault, shutdown } = ports;
  const { authorize, state } = ports.opened;
  const identity = await issueOwnIdentity(trustDomain, authority);
  const listener = await listenForAuthorize({ authorize, state, identity, host, port, clock });
  shutdown.add(listener.close);

  let renewAtMs = clock.nowMs() + RENEWAL_MS;
  const timer = setInterval(() => {
    if (clock.nowMs() < renewAtMs) return;
    renewAtMs = clock.nowMs() + RENEWAL_MS;
    issueOwnIdentity(trustDomain, authority).then(listener.setIdentity).catch(onFault);
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
