/**
 * The context of a decision: what is known of the request beyond its parties, from plain values to Cedar's. An attribute
 * that is not known is absent, so that a policy has to say what its absence means. Sources: docs/context.md.
 */
import { type CedarRecord, datetimeOf, type IpAddr, ipOf, recordOf, setOf } from './cedar/index.ts';
import { localTime } from './local_time.ts';
import { splitSpiffeId } from './release/names.ts';
import type { Assurance } from './release/release.ts';
import { decodePath } from './routing/index.ts';

export interface RequestContext {
  readonly nowMs: number;
  /** IANA name, the service's; UTC when absent. */
  readonly timeZone?: string;
  /** `path`: canonical, from `routeRequest`; policies see it decoded. */
  readonly request: { readonly method: string; readonly path: string; readonly host: string };
  /** `sourceIp`: address without port; an IPv4-mapped IPv6 address already unmapped. */
  readonly network: { readonly sourceIp?: string };
  readonly workload?: WorkloadContext;
  readonly user?: UserContext;
  readonly auth?: AuthContext;
  readonly device?: DeviceContext;
}

export interface WorkloadContext {
  readonly spiffeId: string;
  readonly assurance: Assurance;
  readonly notAfterMs: number;
}

export interface UserContext {
  readonly issuer: string;
  readonly subject: string;
  readonly email?: string;
  /** Postern's groups, after the release's mapping. */
  readonly groups: readonly string[];
}

/** The user's sign-in, when the provider says when it was. */
export interface AuthContext {
  readonly timeMs: number;
  readonly acr?: string;
  readonly amr: readonly string[];
}

export interface DeviceContext {
  readonly id: string;
  /** What a device-management source says; absent when it says nothing, or nothing that still counts. */
  readonly posture?: DevicePosture;
}

export interface DevicePosture {
  readonly compliant: boolean;
  readonly managed: boolean;
  readonly platform?: string;
  readonly osVersion?: string;
  readonly diskEncrypted?: boolean;
  readonly observedAtMs: number;
}

/**
 * Builds `DecisionInput.context`. Throws for a value that is no such thing (a malformed address, an unknown time zone):
 * the caller parsed it before, and leaving the attribute out could open what a `forbid` on it closes.
 */
export function contextOf(known: RequestContext): CedarRecord {
  const { nowMs, request, network, workload, user, auth, device } = known;
  return recordOf({
    now: datetimeOf(nowMs),
    request: recordOf({ method: request.method, path: decodePath(request.path), host: request.host }),
    network: recordOf({ sourceIp: network.sourceIp === undefined ? undefined : addressOf(network.sourceIp) }),
    local: recordOf({ ...localTime(nowMs, known.timeZone) }),
    workload: workload && workloadRecord(workload),
    user: user && userRecord(user),
    auth: auth && authRecord(auth, nowMs),
    device: device && deviceRecord(device),
  });
}

function addressOf(text: string): IpAddr {
  const address = ipOf(text);
  if (!address.ok)
    throw new TypeError('the source address of a request is not an IP address', { cause: address.reason });
  return address.value;
}

function workloadRecord({ spiffeId, assurance, notAfterMs }: WorkloadContext): CedarRecord {
  const parts = splitSpiffeId(spiffeId);
  if (parts === undefined) throw new TypeError('the identity of a workload is not a SPIFFE ID');
  return recordOf({ spiffeId, ...parts, assurance, notAfter: datetimeOf(notAfterMs) });
}

function userRecord({ issuer, subject, email, groups }: UserContext): CedarRecord {
  return recordOf({ issuer, subject, email, groups: setOf(groups) });
}

/** A sign-in that seems to lie ahead (skewed clocks) is as fresh as one can be. */
function authRecord({ timeMs, acr, amr }: AuthContext, nowMs: number): CedarRecord {
  const ageSeconds = Math.max(0, Math.floor((nowMs - timeMs) / 1000));
  return recordOf({ time: datetimeOf(timeMs), ageSeconds, acr, amr: setOf(amr) });
}

/** Of a device without posture nothing good is assumed. */
function deviceRecord({ id, posture }: DeviceContext): CedarRecord {
  if (posture === undefined) {
    return recordOf({ id, known: false, compliant: false, managed: false, posture: 'unknown' });
  }
  const { compliant, managed, platform, osVersion, diskEncrypted, observedAtMs } = posture;
  return recordOf({
    id,
    known: true,
    compliant,
    managed,
    posture: compliant ? 'compliant' : 'non-compliant',
    platform,
    osVersion,
    diskEncrypted,
    observedAt: datetimeOf(observedAtMs),
  });
}
