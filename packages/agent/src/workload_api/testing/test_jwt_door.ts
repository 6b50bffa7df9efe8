/** Stands for the control plane's JWT door: a real issuer with a key of its own, calls that are counted, and answers that a test changes. */
import type { JwtSvidsAnswer, JwtSvidsRequest } from '@postern/api';
import { createJwtSvidIssuer } from '@postern/ca';
import { generateSoftwareSigner, jwkFromSpki } from '@postern/keys';
import { accept } from '@postern/result';
import { type JwtAuthority, parseSpiffeId, parseTrustDomain } from '@postern/spiffe';
import { type Clock, systemClock } from '@postern/store';
import type { ControlPlaneClient } from '../../control_plane/client.ts';

export interface TestJwtDoor extends Pick<ControlPlaneClient, 'jwtSvids'> {
  readonly authority: JwtAuthority;
  /** What was asked for, in order. */
  readonly calls: JwtSvidsRequest[];
  /** Between question and answer; throws as a call that fails does. */
  before?: () => Promise<void>;
  /** In place of the right answer. */
  change?: (answer: JwtSvidsAnswer) => JwtSvidsAnswer;
  mint(path: string, audience: readonly string[], ttlSeconds?: number): Promise<JwtSvidsAnswer['svids'][number]>;
}

export function createTestJwtDoor(trustDomainName: string, clock: Clock = systemClock): TestJwtDoor {
  const trustDomain = parseTrustDomain(trustDomainName);
  if (!trustDomain.ok) throw new Error(trustDomain.reason);
  const signer = generateSoftwareSigner('ES256');
  const jwk = jwkFromSpki(signer.spki);
  const nothing = async () => {};
  const issuer = createJwtSvidIssuer({
    trustDomain: trustDomain.value,
    issuer: `https://postern.${trustDomainName}`,
    jwtKeys: async () => ({ signer: async () => signer, published: [jwk] }),
    audit: { issued: nothing, failed: nothing },
    clock,
  });
  const door: TestJwtDoor = {
    authority: { keyId: signer.keyId, jwk },
    calls: [],
    async mint(path, audience, ttlSeconds) {
      const spiffeId = parseSpiffeId(`spiffe://${trustDomainName}${path}`);
      if (!spiffeId.ok) throw new Error(spiffeId.reason);
      const request = { spiffeId: spiffeId.value, audience, ttlSeconds, requester: 'test' };
      const issued = await issuer.issueJwtSvid(request);
      if (!issued.ok) throw new Error(issued.reason);
      const { token, issuedAtMs, expiresAtMs } = issued.value;
      return { entryId: path, spiffeId: spiffeId.value.uri, audience, token, issuedAtMs, expiresAtMs };
    },
    /** Entries are named by their path here. */
    async jwtSvids(request) {
      door.calls.push(request);
      await door.before?.();
      const svids = await Promise.all(request.requests.map(({ entryId, audience }) => door.mint(entryId, audience)));
      const answer = { svids, refused: [] };
      return accept(door.change?.(answer) ?? answer);
    },
  };
  return door;
}
