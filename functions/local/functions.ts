/** All functions in one process, each with the stores and keys of its row of `ACCESS` and none besides. */

import type { RolloverTimes } from '@postern/ca';
import type { AddressRange } from '@postern/outbound';
import type { TrustDomain } from '@postern/spiffe';
import type { Clock } from '@postern/store';
import type { FunctionName } from '../access.ts';
import { type AcmeFunctionPorts, openAcme } from '../acme/open.ts';
import { openAdmin } from '../admin/open.ts';
import { openAudit } from '../audit/open.ts';
import { type OpenAuthorize, openAuthorize } from '../authorize/open.ts';
import type { VerifyAdministrator } from '../door/administrator.ts';
import { openFeed } from '../feed/open.ts';
import { openIngest } from '../ingest/open.ts';
import type { AttestorSecret } from '../issue/attesting.ts';
import { type OpenIssue, openIssue } from '../issue/open.ts';
import type { FunctionLog, StorePorts } from '../ports.ts';
import { openPublish } from '../publish/open.ts';
import { restrictKeys, restrictObjects, restrictTable } from '../restrict.ts';
import { openRotate } from '../rotate/open.ts';
import type { OpenApp, OpenFunction } from '../served.ts';
import { openSignals } from '../signals/open.ts';
import { openTrust } from '../trust/open.ts';
import type { Adapters } from './adapters.ts';
import type { Shutdown } from './shutdown.ts';

export interface LocalFunctions {
  /** Those whose doors are on the public listener. */
  readonly apps: readonly OpenApp[];
  readonly ticks: { readonly [name: string]: () => Promise<void> };
  readonly issue: OpenIssue;
  readonly authorize: OpenAuthorize;
}

export async function openLocalFunctions(ports: {
  readonly adapters: Adapters;
  readonly trustDomain: TrustDomain;
  readonly clock: Clock;
  readonly log: FunctionLog;
  /** Origin of the public listener. */
  readonly url: string;
  readonly verifyAdministrator: VerifyAdministrator;
  readonly postureSecret: Uint8Array;
  readonly attestorSecret: AttestorSecret;
  readonly acme: Pick<AcmeFunctionPorts, 'acmeUrl' | 'acmeAllowedRanges' | 'acmeNetwork'>;
  readonly rolloverTimes: Partial<RolloverTimes>;
  readonly outboundRanges: readonly AddressRange[];
  readonly shutdown: Shutdown;
}): Promise<LocalFunctions> {
  const { adapters, trustDomain, clock, log, url, shutdown } = ports;
  const { verifyAdministrator, postureSecret, attestorSecret, rolloverTimes } = ports;
  const portsOf = (name: FunctionName): StorePorts => ({
    trustDomain,
    clock,
    log,
    table: restrictTable(adapters.table, name),
    objects: restrictObjects(adapters.objects, name),
    keys: restrictKeys(adapters.keys, name),
  });
  async function opened<F extends OpenFunction>(opening: Promise<F>): Promise<F> {
    const open = await opening;
    shutdown.add(open.close);
    await open.warmUp();
    return open;
  }

  // In one process nobody needs to prove which function asks: `rotate` has no door here, and that of `issue` lets nobody in.
  const rotate = await opened(openRotate({ ...portsOf('rotate'), rolloverTimes, identify: () => undefined }));
  const { certifier } = rotate;
  const acmeUrl = ports.acme.acmeUrl === undefined ? {} : { acmeUrl: ports.acme.acmeUrl };
  // A development provider runs on this machine, without TLS.
  const outbound = { allowLoopbackIssuers: true, outboundRanges: ports.outboundRanges };
  const issue = await opened(
    openIssue({
      ...portsOf('issue'),
      ...{ certifier, url, attestorSecret, ...outbound, ...acmeUrl },
      identify: () => undefined,
    }),
  );
  const { acmeAuthority } = issue;
  const publish = await opened(openPublish({ ...portsOf('publish'), certifier, verifyAdministrator, ...outbound }));
  const apps = [
    issue,
    publish,
    await opened(openAcme({ ...portsOf('acme'), certifier, url, acmeAuthority, ...ports.acme })),
    await opened(openTrust({ ...portsOf('trust'), certifier, url })),
    await opened(openFeed({ ...portsOf('feed'), certifier, url })),
    await opened(openIngest({ ...portsOf('ingest'), certifier, url })),
    await opened(openSignals({ ...portsOf('signals'), certifier, postureSecret })),
    await opened(openAdmin({ ...portsOf('admin'), certifier, verifyAdministrator, place: { url }, ...acmeUrl })),
    await opened(openAudit({ ...portsOf('audit'), certifier, verifyAdministrator })),
  ];
  const authorize = await opened(openAuthorize({ ...portsOf('authorize'), certifier }));
  return { apps, issue, authorize, ticks: { rotate: rotate.tick, publish: publish.tick } };
}
