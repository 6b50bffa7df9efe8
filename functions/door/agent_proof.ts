/**
 * Authenticates an agent by the proof its SVID key signed over method, target and body. Cost: bundle and issuers are
 * read from memory; one conditional write spends the proof's id, except for reads, which may be repeated.
 */
import { createHash } from 'node:crypto';
import { AGENT_PATH } from '@postern/ca';
import { REQUEST_PROOF_HEADER, type ReplayGuard, verifyRequestProof } from '@postern/identity';
import { accept, refuse } from '@postern/result';
import type { Certificate, TrustBundle } from '@postern/spiffe';
import type { Clock } from '@postern/store';
import type { AuthenticateAgent } from './door.ts';

export interface PresentedSvid {
  readonly spiffeId: string;
  readonly leaf: Certificate;
  /** Leaf first, to an authority of the bundle. */
  readonly path: readonly Certificate[];
}

/** What the control plane itself trusts and has revoked at this moment. */
export interface AuthorityView {
  bundle(): Promise<TrustBundle>;
  readonly issuers: readonly Certificate[];
  /** By serial, by name since a time, or by an issuer on the path. */
  isRevoked(svid: PresentedSvid): Promise<boolean>;
}

export function createAgentAuthentication(ports: {
  /** The control plane's URL, as agents pin it. */
  readonly audience: string;
  readonly trustDomain: string;
  readonly authority: () => Promise<AuthorityView>;
  readonly replayGuard: ReplayGuard;
  readonly clock: Clock;
}): AuthenticateAgent {
  return async (call) => {
    const authority = await ports.authority();
    const verified = await verifyRequestProof(call.headers.get(REQUEST_PROOF_HEADER) ?? undefined, {
      method: call.method,
      target: call.target,
      bodyDigest: createHash('sha256').update(call.body).digest(),
      audience: ports.audience,
      nowMs: ports.clock.nowMs(),
      bundle: await authority.bundle(),
      issuers: authority.issuers,
      consume: call.method === 'GET' ? async () => true : ports.replayGuard.consume,
    });
    if (!verified.ok) return verified;
    const { serial, leaf, path, notAfterMs } = verified.value;
    const spiffeId = verified.value.spiffeId.uri;
    if (!spiffeId.startsWith(`spiffe://${ports.trustDomain}${AGENT_PATH}`)) return refuse('not-an-agent');
    if (await authority.isRevoked({ spiffeId, leaf, path })) return refuse('agent-revoked');
    return accept({ spiffeId, serial, notAfterMs });
  };
}
