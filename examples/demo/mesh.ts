/**
 * The mesh: each service behind a real Envoy that takes its SVID from the agent. One asks the agent (gRPC), the other the
 * `authorize` function. Each Envoy is a program of its own on disk, so that the node agent tells them apart by what they
 * run.
 */
import { copyFileSync, existsSync, linkSync, mkdirSync, realpathSync, rmSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { type AuthzTarget, renderEnvoyConfig } from '@postern/agent';
import { type RunningEnvoy, startEnvoy } from '../../test/kit/envoy.ts';
import { freePorts } from '../../test/kit/ports.ts';
import { startApplication } from './applications.ts';
import type { Cleanup } from './cleanup.ts';
import { type Places, TRUST_DOMAIN } from './places.ts';

const LOOPBACK = '127.0.0.1';
const SPIFFE = `spiffe://${TRUST_DOMAIN}`;

/** Whom a service's Envoy asks. */
export interface DecisionPoint {
  readonly authz: AuthzTarget;
  /** Of the Envoy's process: such as the credentials of a role that it signs with. */
  readonly environment?: Readonly<Record<string, string | undefined>>;
}

export interface DecisionPoints {
  readonly payments: DecisionPoint;
  readonly storefront: DecisionPoint;
}

/** The two kinds that one machine has: payments asks the agent, the storefront the function over mTLS. */
export function localDecisionPoints(places: Places, authorizeUrl: string): DecisionPoints {
  const { hostname: address, port } = new URL(authorizeUrl);
  const spiffeId = `${SPIFFE}/postern/authorize`;
  return {
    payments: { authz: { kind: 'grpc', socket: places.authzGrpcSocket } },
    storefront: { authz: { kind: 'https-mtls', address, port: Number(port), spiffeId } },
  };
}

export interface Mesh {
  /** mTLS entrance of payments. */
  readonly paymentsPort: number;
  /** TLS entrance of the storefront, where people come in. */
  readonly storefrontPort: number;
  /** Where the storefront's own program reaches payments; on this machine only. */
  readonly toPaymentsPort: number;
  readonly envoys: { readonly [service: string]: RunningEnvoy };
}

/** Paths of the programs that the entries name. */
export function linkEnvoys(envoy: string, places: Places): { readonly payments: string; readonly storefront: string } {
  mkdirSync(places.programs, { recursive: true, mode: 0o755 });
  return {
    payments: link(envoy, join(places.programs, 'payments-envoy')),
    storefront: link(envoy, join(places.programs, 'storefront-envoy')),
  };
}

/** A hard link shares the bytes and has a name of its own in /proc/PID/exe; across file systems it is a copy. */
function link(from: string, to: string): string {
  const source = realpathSync(from);
  if (existsSync(to) && statSync(to).ino !== statSync(source).ino) rmSync(to);
  if (!existsSync(to)) {
    try {
      linkSync(source, to);
    } catch {
      copyFileSync(source, to);
    }
  }
  return realpathSync(to);
}

export async function startMesh(
  programs: { readonly payments: string; readonly storefront: string },
  places: Places,
  decisionPoints: DecisionPoints,
  cleanup: Cleanup,
): Promise<Mesh> {
  const [paymentsPort, storefrontPort, toPaymentsPort] = (await freePorts(3)) as [number, number, number];
  const paymentsApp = await startApplication('payments');
  cleanup.add('payments', () => paymentsApp.stop());
  const storefrontApp = await startApplication('storefront');
  cleanup.add('storefront', () => storefrontApp.stop());

  const payments = await startEnvoy({
    name: 'payments',
    binary: programs.payments,
    environment: decisionPoints.payments.environment ?? {},
    config: renderEnvoyConfig({
      service: 'payments',
      trustDomain: TRUST_DOMAIN,
      spiffeId: `${SPIFFE}/payments`,
      listen: { address: LOOPBACK, port: paymentsPort },
      upstreamApp: { address: LOOPBACK, port: paymentsApp.port },
      agentSocket: places.workloadApiSocket,
      authz: decisionPoints.payments.authz,
      requireClientCertificate: true,
    }),
  });
  cleanup.add('Envoy of payments', () => payments.stop());

  const storefront = await startEnvoy({
    name: 'storefront',
    binary: programs.storefront,
    environment: decisionPoints.storefront.environment ?? {},
    config: renderEnvoyConfig({
      service: 'storefront',
      trustDomain: TRUST_DOMAIN,
      spiffeId: `${SPIFFE}/storefront`,
      listen: { address: LOOPBACK, port: storefrontPort },
      upstreamApp: { address: LOOPBACK, port: storefrontApp.port },
      agentSocket: places.workloadApiSocket,
      authz: decisionPoints.storefront.authz,
      // People come in here; browsers have no SVID.
      requireClientCertificate: false,
      outbound: [
        {
          name: 'payments',
          listenPort: toPaymentsPort,
          address: LOOPBACK,
          port: paymentsPort,
          spiffeId: `${SPIFFE}/payments`,
        },
      ],
    }),
  });
  cleanup.add('Envoy of the storefront', () => storefront.stop());
  await Promise.all([payments.waitReady(), storefront.waitReady()]);
  return { paymentsPort, storefrontPort, toPaymentsPort, envoys: { payments, storefront } };
}
