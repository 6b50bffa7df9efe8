/** One node: control plane and agent in processes of their own, seeded, and a request that they allow. */
import { readFileSync, realpathSync } from 'node:fs';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fetchX509Svids } from '@postern/agent';
import { type JoinTokenAnswer, PATHS, type PublishAnswer } from '@postern/api';
import { encodePem } from '@postern/der';
import { formatWebhookSignature, POSTURE_SIGNATURE_HEADER } from '@postern/identity';
import { type RunningProcess, startProcess } from '../../kit/process.ts';
import { waitUntil } from '../../kit/wait.ts';
import { repositoryFolder } from '../../tools/places.ts';
import type { Cleanup } from '../world/cleanup.ts';
import { type BenchControlPlane, startControlPlane } from '../world/control_plane.ts';
import {
  AUDIENCE,
  CALLER_ID,
  GROUP,
  policyFiles,
  SERVICE_HOST,
  SERVICE_ID,
  TRUST_DOMAIN,
} from './policy_repository.ts';
import { startTokenIssuer, type TokenIssuer } from './token_issuer.ts';

export type BenchNode = {
  readonly agent: RunningProcess;
  readonly sockets: Sockets;
  /** Header lines of the request: who calls, for whom. */
  readonly headers: readonly (readonly [name: string, value: string])[];
};

export type Sockets = { readonly workloadApi: string; readonly grpc: string; readonly http: string };

const POSTERN = join(repositoryFolder, 'packages', 'cli', 'src', 'main.ts');
const DEVICE = 'laptop-1';

/** `envoy`: path of the program that asks for decisions. `policies`: how many besides the service's own. */
export async function startNode(dir: string, envoy: string, policies: number, cleanup: Cleanup): Promise<BenchNode> {
  const issuer = await startTokenIssuer();
  cleanup.add(issuer.close);
  const plane = await startControlPlane(join(dir, 'control-plane'), TRUST_DOMAIN);
  cleanup.add(plane.process.stop);
  const { token, agentId } = await plane.post<JoinTokenAnswer>(PATHS.admin.joinTokens, { agentName: 'bench' });
  const programs = { [SERVICE_ID]: envoy, [CALLER_ID]: process.execPath };
  for (const [spiffeId, program] of Object.entries(programs)) {
    const selectors = [`unix:path:${realpathSync(program)}`];
    await plane.post(PATHS.admin.entries, { spiffeId, parentId: agentId, selectors });
  }
  await plane.post<PublishAnswer>(PATHS.admin.releases, { files: policyFiles(policies, issuer.issuer) });
  await pushPosture(plane);

  const sockets = { workloadApi: join(dir, 'w.sock'), grpc: join(dir, 'g.sock'), http: join(dir, 'h.sock') };
  const tokenFile = join(dir, 'join-token');
  await writeFile(tokenFile, token, { mode: 0o600 });
  const agent = await startProcess({
    name: 'the agent',
    command: process.execPath,
    args: [
      ...[POSTERN, 'agent', '--dir', join(dir, 'agent'), '--join-token-file', tokenFile],
      ...['--workload-api-socket', sockets.workloadApi],
      ...['--ext-authz-socket', sockets.grpc, '--ext-authz-http-socket', sockets.http],
    ],
    ready: { line: /"event":"ready"/ },
    readyTimeoutMs: 30_000,
  });
  cleanup.add(agent.stop);
  return { agent, sockets, headers: await requestHeaders(sockets.workloadApi, issuer) };
}

/** This program's own SVID stands for the caller's, and comes as a proxy in front would forward it. */
async function requestHeaders(workloadApi: string, issuer: TokenIssuer): Promise<BenchNode['headers']> {
  const fetched = await waitUntil('an SVID for this program', 15_000, async () => {
    const answer = await fetchX509Svids({ socketPath: workloadApi, timeoutMs: 5_000 });
    return answer.ok ? answer.value : undefined;
  });
  const leaf = fetched.svids.find(({ spiffeId }) => spiffeId === CALLER_ID)?.chain[0];
  if (leaf === undefined) throw new Error('the agent gives this program another identity');
  const nowSeconds = Math.floor(Date.now() / 1000);
  const token = await issuer.token({
    sub: 'alice',
    aud: AUDIENCE,
    auth_time: nowSeconds - 60,
    amr: ['pwd', 'mfa'],
    groups: [GROUP],
    device_id: DEVICE,
    sid: 'session-1',
  });
  return [
    // Spelled so that wrk takes it for its own.
    ['Host', SERVICE_HOST],
    ['authorization', `Bearer ${token}`],
    ['x-forwarded-client-cert', `Cert="${encodeURIComponent(encodePem('CERTIFICATE', leaf))}"`],
  ];
}

async function pushPosture({ trust, postureSecretFile }: BenchControlPlane): Promise<void> {
  const secret = Buffer.from(readFileSync(postureSecretFile, 'utf8').trim());
  const observedAt = new Date().toISOString();
  const body = Buffer.from(JSON.stringify({ deviceId: DEVICE, observedAt, compliant: true, managed: true }));
  const signature = formatWebhookSignature(secret, Date.now(), body);
  const headers = { [POSTURE_SIGNATURE_HEADER]: signature, 'content-type': 'application/json' };
  const response = await fetch(trust.url + PATHS.posture('generic'), { method: 'POST', headers, body });
  if (!response.ok) throw new Error(`the posture is answered ${response.status}`);
}
