/**
 * Functions as they are deployed: each opened by itself with its row of `ACCESS`, reaching `rotate` over its door and
 * known there by the principal that it runs as; on stores in memory.
 */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { AcmeAuthority } from '@postern/acme';
import { openSoftwareKeyRing } from '@postern/keys';
import { parseTrustDomain, type TrustDomain } from '@postern/spiffe';
import type { Objects, Table } from '@postern/store';
import { createMemoryObjects, createMemoryTable } from '@postern/store/embedded';
import { createManualClock, type ManualClock } from '@postern/store/testing';
import { FUNCTION_NAMES, type FunctionName } from '../access.ts';
import { type AcmeFunctionPorts, openAcme } from '../acme/open.ts';
import { createRemoteAcmeAuthority } from '../acme/remote_authority.ts';
import { openAdmin } from '../admin/open.ts';
import { openAudit } from '../audit/open.ts';
import { openAuthorize } from '../authorize/open.ts';
import { serveAuthorize } from '../authorize/serve.ts';
import { verifyAdministratorPrincipal } from '../door/administrator.ts';
import { openFeed } from '../feed/open.ts';
import { openIngest } from '../ingest/open.ts';
import { openIssue } from '../issue/open.ts';
import { openPublish } from '../publish/open.ts';
import { restrictKeys, restrictObjects, restrictTable } from '../restrict.ts';
import { openRotate } from '../rotate/open.ts';
import { createRemoteCertifier, type SendToFunction } from '../rotate/remote_certifier.ts';
import { type HttpAnswer, type HttpCall, type OpenApp, type ServedFunction, serveApp } from '../served.ts';
import { openSignals } from '../signals/open.ts';
import { openTrust } from '../trust/open.ts';

export const principalOf = (name: FunctionName): string => `arn:aws:iam::111122223333:role/postern-${name}`;
export const ADMINISTRATOR = 'arn:aws:iam::111122223333:role/administrator';
/** Of a service team: its SPIFFE IDs are below `/shop/`. */
export const TEAM = 'arn:aws:iam::111122223333:role/shop';
export const AUDITOR = 'arn:aws:iam::111122223333:role/auditor';

export interface Separate {
  /** Beneath what each function may use of them. */
  readonly table: Table;
  readonly objects: Objects;
  readonly logs: readonly { readonly event: string; readonly [field: string]: unknown }[];
  rootKey(): Promise<{ readonly spki: Uint8Array; readonly trustDomain: TrustDomain }>;
  /** `rotate` started anew. */
  reopenRotate(): Promise<ServedFunction>;
  readonly clock: ManualClock;
  /** Opened with its routes. */
  readonly apps: { readonly [F in Exclude<FunctionName, 'authorize'>]: OpenApp };
  readonly served: { readonly [F in FunctionName]: ServedFunction };
  call(name: FunctionName, call: Partial<Omit<HttpCall, 'body'>> & { readonly body?: unknown }): Promise<HttpAnswer>;
  remove(): void;
}

/** Where the names of ACME's challenges lead; nowhere when nothing is said. */
export interface SeparateOptions {
  readonly acmeNetwork?: NonNullable<AcmeFunctionPorts['acmeNetwork']>;
  readonly acmeAllowedRanges?: AcmeFunctionPorts['acmeAllowedRanges'];
  /** What `acme` is given in place of the authority that it asks. */
  readonly acmeAuthority?: (own: AcmeAuthority) => AcmeAuthority;
}

export async function openSeparately(options: SeparateOptions = {}): Promise<Separate> {
  const { acmeNetwork = { resolve: async () => [], httpPort: 80 }, acmeAllowedRanges = [] } = options;
  const { acmeAuthority = (own: AcmeAuthority) => own } = options;
  const clock = createManualClock();
  const logs: { readonly event: string; readonly [field: string]: unknown }[] = [];
  const dir = mkdtempSync(join(tmpdir(), 'postern-separate-'));
  const [table, objects, keys] = [createMemoryTable({ clock }), createMemoryObjects(), openSoftwareKeyRing(dir)];
  const trustDomain = parseTrustDomain('demo.test');
  if (!trustDomain.ok) throw new Error(trustDomain.reason);
  const url = 'https://postern.demo.test';
  const principals = new Map(FUNCTION_NAMES.map((name) => [principalOf(name), name]));
  const storesOf = (name: FunctionName) => ({
    trustDomain: trustDomain.value,
    clock,
    log: (_level: string, event: string, fields = {}) => void logs.push({ event, ...fields }),
    table: restrictTable(table, name),
    objects: restrictObjects(objects, name),
    keys: restrictKeys(keys, name),
  });
  const identify = (principal: string | undefined) => (principal === undefined ? undefined : principals.get(principal));
  const openTheRotate = () => openRotate({ ...storesOf('rotate'), identify });
  const rotate = await openTheRotate();
  const rotating = serveApp(rotate);
  const portsOf = (name: FunctionName) => ({
    ...storesOf(name),
    url,
    place: { url },
    verifyAdministrator: verifyAdministratorPrincipal(
      new Map([
        [ADMINISTRATOR, ['security-administrator']],
        [AUDITOR, ['auditor']],
        [TEAM, ['service-team:/shop/']],
      ]),
    ),
    allowLoopbackIssuers: false,
    attestorSecret: async () => 'x'.repeat(32),
    postureSecret: new Uint8Array(32).fill(7),
    identify,
    certifier: createRemoteCertifier({ url: 'https://rotate.demo.test', send: sendAs(name, rotating) }),
  });
  const sendAs =
    (name: FunctionName, to: ServedFunction): SendToFunction =>
    async (target, { method, headers, body }) => {
      const call = { method, target: target.pathname, headers: Object.entries(headers), body: Buffer.from(body) };
      const answer = await to.answer({ ...call, principal: principalOf(name) });
      return { status: answer.status, bytes: Buffer.from(answer.body) };
    };
  const issue = await openIssue(portsOf('issue'));
  const apps = {
    rotate,
    issue,
    acme: await openAcme({
      ...portsOf('acme'),
      acmeAuthority: acmeAuthority(
        createRemoteAcmeAuthority({
          url: 'https://issue.demo.test',
          send: sendAs('acme', serveApp(issue)),
        }),
      ),
      acmeAllowedRanges,
      acmeNetwork,
    }),
    feed: await openFeed(portsOf('feed')),
    trust: await openTrust(portsOf('trust')),
    ingest: await openIngest(portsOf('ingest')),
    signals: await openSignals(portsOf('signals')),
    admin: await openAdmin(portsOf('admin')),
    publish: await openPublish(portsOf('publish')),
    audit: await openAudit(portsOf('audit')),
  };
  const authorize = serveAuthorize(await openAuthorize(portsOf('authorize')));
  const served = {
    ...(Object.fromEntries(Object.entries(apps).map(([name, app]) => [name, serveApp(app)])) as {
      [F in keyof typeof apps]: ServedFunction;
    }),
    authorize,
  };
  return {
    clock,
    table,
    objects,
    logs,
    rootKey: async () => ({ spki: await keys.publicKey('root'), trustDomain: trustDomain.value }),
    reopenRotate: async () => serveApp(await openTheRotate()),
    apps,
    served,
    call: (name, { method = 'GET', target = '/', headers = [], principal, body }) =>
      served[name].answer({
        method,
        target,
        headers,
        principal,
        body: body === undefined ? new Uint8Array() : Buffer.from(JSON.stringify(body)),
      }),
    remove: () => rmSync(dir, { recursive: true, force: true }),
  };
}

export function jsonOf<T>(answer: HttpAnswer): T {
  return JSON.parse(Buffer.from(answer.body).toString('utf8')) as T;
}
