/** The control plane in this process, with what the demo keeps between starts. */
import { createHash } from 'node:crypto';
import { appendFileSync, chmodSync, existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { type JoinTokenAnswer, PATHS, type PublishAnswer } from '@postern/api';
import { type LocalControlPlane, startLocal } from '@postern/functions/local';
import { createAdminClient, sendWithToken } from './admin_client.ts';
import type { Cleanup } from './cleanup.ts';
import { type DemoControlPlane, startProvider } from './control_plane.ts';
import { AGENT_ID, AGENT_NAME, type Places, TRUST_DOMAIN } from './places.ts';
import { readDemoPolicies } from './policies.ts';

export interface LocalDemoControlPlane extends DemoControlPlane {
  readonly local: LocalControlPlane;
}

export async function startControlPlane(places: Places, cleanup: Cleanup): Promise<LocalDemoControlPlane> {
  mkdirSync(places.logs, { recursive: true, mode: 0o700 });
  const provider = await startProvider(places, cleanup);
  const logFile = join(places.logs, 'control-plane.log');
  const local = await startLocal({
    dir: places.dir,
    trustDomain: TRUST_DOMAIN,
    port: places.publicPort,
    authorizePort: places.authorizePort,
    log: (level, event, fields) =>
      appendFileSync(logFile, `${JSON.stringify({ at: new Date().toISOString(), level, event, ...fields })}\n`),
  });
  cleanup.add('control plane', () => local.stop());
  return {
    local,
    url: local.url,
    provider,
    admin: createAdminClient(sendWithToken(local.url, local.administratorTokenFile)),
    postureSecret: Buffer.from(readFileSync(local.postureSecretFile, 'utf8').trim()),
  };
}

export interface InForce {
  readonly number: number;
  readonly isNew: boolean;
  /** A release of somebody else that this one took the place of. */
  readonly replaced?: number;
}

/** Publishes, unless what is in force is the same. Answers the release in force. */
export async function publishPolicies({ admin, provider }: DemoControlPlane, places: Places): Promise<InForce> {
  const files = Object.fromEntries(readDemoPolicies(provider.issuer, Date.now()));
  const digest = createHash('sha256').update(JSON.stringify(files)).digest('hex');
  const marker = join(places.dir, 'demo-release');
  const { current } = await admin.get<{ current: number }>(PATHS.admin.releases);
  const [ownNumber, ownDigest] = existsSync(marker) ? readFileSync(marker, 'utf8').split(' ') : [];
  const isOurs = current === Number(ownNumber);
  if (isOurs && ownDigest === digest) return { number: current, isNew: false };
  const answer = (await admin.post<PublishAnswer>(PATHS.admin.releases, { files })) as PublishAnswer;
  writeFileSync(marker, `${answer.number} ${digest}`);
  const { number, published: isNew } = answer;
  return { number, isNew, ...(isNew && current > 0 && !isOurs && { replaced: current }) };
}

/** The node's one-time token, for an agent that has no identity yet. */
export async function createJoinToken({ admin }: DemoControlPlane, places: Places): Promise<void> {
  const answer = (await admin.post<JoinTokenAnswer>(PATHS.admin.joinTokens, {
    agentName: AGENT_NAME,
  })) as JoinTokenAnswer;
  writeFileSync(places.joinTokenFile, `${answer.token}\n`, { mode: 0o600 });
  chmodSync(places.joinTokenFile, 0o600);
}

/** Which program on this node is which workload. Entries of an earlier start that say otherwise are replaced. */
export async function enterWorkloads(
  { admin }: DemoControlPlane,
  programs: { readonly [workload: string]: string },
): Promise<void> {
  interface Entry {
    readonly id: string;
    readonly spiffeId: string;
    readonly selectors: readonly string[];
  }
  const { entries } = await admin.get<{ entries: readonly Entry[] }>(`${PATHS.admin.entries}?limit=1000`);
  for (const [workload, program] of Object.entries(programs)) {
    const spiffeId = `spiffe://${TRUST_DOMAIN}/${workload}`;
    const selectors = [`unix:path:${program}`, `unix:uid:${process.getuid?.() ?? 0}`];
    for (const entry of entries.filter((known) => known.spiffeId === spiffeId)) {
      if (!selectors.every((selector) => entry.selectors.includes(selector)))
        await admin.delete(PATHS.admin.entry(entry.id));
    }
    await admin.post(PATHS.admin.entries, { spiffeId, parentId: AGENT_ID, selectors, hint: workload }, true);
  }
}
