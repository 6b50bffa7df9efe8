import { createAcmeKeyStore } from '@postern/acme';
import type { ControlPlaneTrust } from '@postern/api';
import { createEntryStore, createFederationStore, createIssuedIndex, createJoinTokenStore } from '@postern/ca';
import { createFeedLog } from '@postern/feed';
import { createAttestorStore } from '@postern/identity';
import type { VerifyAdministrator } from '../door/administrator.ts';
import type { FunctionPorts } from '../ports.ts';
import { createRecorder } from '../recorder.ts';
import type { OpenApp } from '../served.ts';
import { loadControlPlaneTrust, openTrustAnchors, rootDigestOf } from '../trust_anchors.ts';
import { createAdminApp } from './app.ts';

/** `place`: where agents find the control plane. */
export async function openAdmin(
  ports: FunctionPorts & {
    readonly verifyAdministrator: VerifyAdministrator;
    readonly place: Pick<ControlPlaneTrust, 'url' | 'ingest'>;
    /** Origin that ACME clients are led to; that of the public doors when absent. */
    readonly acmeUrl?: string;
  },
): Promise<OpenApp> {
  const { table, keys, clock, trustDomain, log, verifyAdministrator } = ports;
  const recorder = createRecorder('admin', ports);
  const anchors = await openTrustAnchors(ports);
  const pinned = await loadControlPlaneTrust(ports, anchors, ports.place);
  const [factsMac, mac] = await Promise.all([keys.mac('facts'), keys.mac('entries')]);
  const app = createAdminApp({
    ...recorder.doorPorts,
    verifyAdministrator,
    trustDomain,
    entries: createEntryStore({
      table,
      mac,
      clock,
      trustDomain,
      createId: recorder.createId,
      onForged: (key) => log('error', 'entry-forged', { ...key }),
    }),
    joinTokens: createJoinTokenStore({ table, mac, clock }),
    federations: createFederationStore({
      table,
      mac: factsMac,
      clock,
      onForged: (key) => log('error', 'federation-forged', { ...key }),
    }),
    acmeKeys: createAcmeKeyStore({
      table,
      mac,
      clock,
      createId: recorder.createId,
      onForged: (key) => log('error', 'entry-forged', { ...key }),
    }),
    attestors: createAttestorStore({
      table,
      mac,
      clock,
      onForged: (key) => log('error', 'entry-forged', { ...key }),
    }),
    feedLog: createFeedLog({ table, mac: factsMac }),
    controlPlane: async () => ({ ...pinned, rootDigest: rootDigestOf(await anchors.current()) }),
    url: ports.place.url,
    acmeUrl: ports.acmeUrl ?? ports.place.url,
    issued: createIssuedIndex({
      table,
      mac: factsMac,
      onForged: (key) => log('error', 'revocation-item-forged', { ...key }),
    }),
    applyRevocations: ports.certifier.applyRevocations,
    operateAuthority: ports.certifier.operateAuthority,
    clock,
    record: recorder.record,
  });
  return { app, ...recorder.lifecycle };
}
