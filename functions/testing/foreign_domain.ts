/** A trust domain of somebody else with an endpoint for its bundle, a workload of its own; the test moves its authorities. */
import { createServer } from 'node:https';
import type { AddressInfo } from 'node:net';
import { encodePem } from '@postern/der';
import { createTestAuthority, createTestLeaf, type TestAuthority, type TestLeaf } from '@postern/identity/testing';
import { formatTrustBundle, parseTrustDomain } from '@postern/spiffe';
import type { Clock } from '@postern/store';

export interface ForeignDomain {
  /** What the bundle has; its sequence is `sequence`. */
  readonly authorities: TestAuthority[];
  sequence: number;
  /** Requests that its endpoint answered. */
  fetches: number;
  newAuthority(): TestAuthority;
  leafOf(issuer: TestAuthority, path: string): TestLeaf;
  bundle(): string;
  /** As an administrator would federate with it now. */
  relationship(): { readonly [member: string]: string };
  /** The endpoint's SVID from now on. */
  present(issuer: TestAuthority): void;
  close(): void;
}

const MINUTE_MS = 60_000;
const LIFE_MS = 30 * 24 * 60 * MINUTE_MS;

/** `refreshHintSeconds`: a day, so that nothing is polled for while a test looks. */
export async function startForeignDomain(name: string, clock: Clock): Promise<ForeignDomain> {
  const trustDomain = parseTrustDomain(name);
  if (!trustDomain.ok) throw new Error(trustDomain.reason);
  const newAuthority = () => createTestAuthority({ trustDomain: name, nowMs: clock.nowMs(), lifeMs: LIFE_MS });
  const leafOf = (issuer: TestAuthority, path: string) => {
    const [notBeforeMs, notAfterMs] = [clock.nowMs() - MINUTE_MS, clock.nowMs() + 60 * MINUTE_MS];
    return createTestLeaf({ issuer, uris: [`spiffe://${name}${path}`], notBeforeMs, notAfterMs });
  };
  const tlsOf = (issuer: TestAuthority) => {
    const { certificate, privateKey } = leafOf(issuer, '/bundle');
    return {
      cert: encodePem('CERTIFICATE', certificate),
      key: String(privateKey.export({ format: 'pem', type: 'pkcs8' })),
    };
  };
  const first = newAuthority();
  const server = createServer(tlsOf(first), (_, response) => {
    domain.fetches += 1;
    response.end(domain.bundle());
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const domain: ForeignDomain = {
    authorities: [first],
    sequence: 1,
    fetches: 0,
    newAuthority,
    leafOf,
    bundle: () =>
      formatTrustBundle({
        trustDomain: trustDomain.value,
        sequence: domain.sequence,
        refreshHintSeconds: 24 * 60 * 60,
        x509Authorities: domain.authorities.map(({ certificate }) => certificate),
        jwtAuthorities: [],
      }),
    relationship: () => ({
      trustDomain: name,
      url: `https://127.0.0.1:${(server.address() as AddressInfo).port}/`,
      profile: 'https_spiffe',
      endpointSpiffeId: `spiffe://${name}/bundle`,
      bootstrapBundle: domain.bundle(),
    }),
    present: (issuer) => server.setSecureContext(tlsOf(issuer)),
    close: () => {
      server.close();
      server.closeAllConnections();
    },
  };
  return domain;
}
