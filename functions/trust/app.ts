/**
 * What this trust domain's SVIDs are verified with, for whoever asks: as a SPIFFE bundle (Federation 5.2, `https_web`),
 * and its JWT keys once more for relying parties that know OpenID Connect and not SPIFFE. All three are public and cached.
 */
import { PATHS } from '@postern/api';
import { cacheHeaders } from '@postern/ca';
import { formatTrustBundle, type TrustBundle } from '@postern/spiffe';
import type { Hono } from 'hono';
import { createDoor, type DoorPorts } from '../door/door.ts';
import { renderJwks, renderOpenidConfiguration } from './openid.ts';
import { type ListDoorPorts, mountListDoor } from './revocation_lists.ts';

export interface TrustPorts extends DoorPorts, ListDoorPorts {
  readonly bundle: () => Promise<TrustBundle>;
  /** Origin of the public doors: the `iss` of JWT-SVIDs. */
  readonly issuer: string;
}

/** Cost of a call: one read of the bundle. */
export function createTrustApp(ports: TrustPorts): Hono {
  const door = createDoor('trust', ports);
  const documents: { readonly [path: string]: (bundle: TrustBundle) => string } = {
    [PATHS.trustBundle]: formatTrustBundle,
    [PATHS.openidConfiguration]: (bundle) => JSON.stringify(renderOpenidConfiguration(ports.issuer, bundle)),
    [PATHS.jwks]: (bundle) => JSON.stringify(renderJwks(bundle)),
  };
  for (const [path, render] of Object.entries(documents)) {
    door.open('GET', path, 0, async (context, call) => {
      const bundle = await ports.bundle();
      const body = render(bundle);
      const headers = cacheHeaders(body, bundle);
      if (call.headers.get('if-none-match') === headers.etag) return context.body(null, 304, headers);
      return context.body(body, 200, headers);
    });
  }
  mountListDoor(door, ports);
  return door.app;
}
