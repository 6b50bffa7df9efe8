/** Our side: the engine on a release of the policies, each request built from plain values. Loads no WebAssembly. */
import {
  contextOf,
  decide,
  type EngineDecision,
  type LoadedRelease,
  loadRelease,
  parseRelease,
  type Release,
  userEntity,
} from '@postern/policy-engine';
import { ISSUER, methodOf, type PlainRequest } from './requests.ts';

export function parse(bytes: Uint8Array): Release {
  const release = parseRelease(bytes);
  if (!release.ok) throw new Error(`the release cannot be read: ${release.reason} ${release.detail ?? ''}`);
  return release.value;
}

export function load(release: Release): LoadedRelease {
  const loaded = loadRelease(release);
  if (!loaded.ok) throw new Error(`the release does not load: ${loaded.reason} ${loaded.detail ?? ''}`);
  return loaded.value;
}

export function decidePlain(loaded: LoadedRelease, request: PlainRequest): EngineDecision {
  const { service, action, path, host, sourceIp, nowMs, signedInMs, compliant, managed } = request;
  const user = { issuer: ISSUER, subject: request.user, groups: request.groups };
  const entity = userEntity(user);
  return decide(loaded, {
    service,
    action,
    parties: [{ kind: 'user', principal: entity.uid }],
    context: contextOf({
      nowMs,
      request: { method: methodOf(request), path, host },
      network: { sourceIp },
      user,
      auth: { timeMs: signedInMs, amr: ['pwd', 'mfa'] },
      device: { id: 'laptop-1', posture: { compliant, managed, observedAtMs: signedInMs } },
    }),
    entities: [entity],
    nowMs,
  });
}
