/**
 * The context of a decision: what is known of the request beyond its parties, from plain values to Cedar's. An attribute
 * that is not known is absent, so that a policy has to say what its absence means. Sources: docs/context.md.
 */
import { CedarRecord, datetimeOf, type IpAddr, ipOf, setOf } from './cedar/index.ts';
import { type LocalTime, localTime } from './local_time.ts';
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

/** The attributes that each record may have, in the order in which its values are given. */
const ATTRIBUTES = {
  context: ['now', 'request', 'network', 'local', 'workload', 'user', 'auth', 'device'],
  request: ['method', 'path', 'host'],
  network: ['sourceIp'],
  local: ['hour', 'weekday', 'minuteOfDay'],
  workload: ['spiffeId', 'trustDomain', 'path', 'assurance', 'notAfter'],
  user: ['issuer', 'subject', 'email', 'groups'],
  auth: ['time', 'ageSeconds', 'acr', 'amr'],
  device: ['id', 'known', 'compliant', 'managed', 'posture', 'platform', 'osVersion', 'diskEncrypted', 'observedAt'],
} as const;

/**
 * Builds `DecisionInput.context`. Throws for a value that is no such thing (a malformed address, an unknown time zone):
 * the caller parsed it before, and leaving the attribute out could open what a `forbid` on it closes.
 */
export function contextOf(known: RequestContext): CedarRecord {
  const { nowMs, request, network, workload, user, auth, device } = known;
  return new CedarRecord(ATTRIBUTES.context, [
    datetimeOf(nowMs),
    new CedarRecord(ATTRIBUTES.request, [request.method, decodePath(request.path), request.host]),
    new CedarRecord(ATTRIBUTES.network, [network.sourceIp === undefined ? undefined : addressOf(network.sourceIp)]),
    localRecord(localTime(nowMs, known.timeZone)),
    workload && workloadRecord(workload),
    user && userRecord(user),
    auth && authRecord(auth, nowMs),
    device && deviceRecord(device),
  ]);
}

function addressOf(text: string): IpAddr {
  const address = ipOf(text);
  if (!address.ok)
    throw new TypeError('the source address of a request is not an IP address', { cause: address.reason });
  return address.value;
}

function localRecord({ hour, weekday, minuteOfDay }: LocalTime): CedarRecord {
  return new CedarRecord(ATTRIBUTES.local, [hour, weekday, minuteOfDay]);
}

function workloadRecord({ spiffeId, assurance, notAfterMs }: WorkloadContext): CedarRecord {
  const parts = splitSpiffeId(spiffeId);
  if (parts === undefined) throw new TypeError('the identity of a workload is not a SPIFFE ID');
  const { trustDomain, path } = parts;
  return new CedarRecord(ATTRIBUTES.workload, [spiffeId, trustDomain, path, assurance, datetimeOf(notAfterMs)]);
}

function userRecord({ issuer, subject, email, groups }: UserContext): CedarRecord {
  return new CedarRecord(ATTRIBUTES.user, [issuer, subject, email, setOf(groups)]);
}

/** A sign-in that seems to lie ahead (skewed clocks) is as fresh as one can be. */
function authRecord({ timeMs, acr, amr }: AuthContext, nowMs: number): CedarRecord {
  const ageSeconds = Math.max(0, Math.floor((nowMs - timeMs) / 1000));
  return new CedarRecord(ATTRIBUTES.auth, [datetimeOf(timeMs), ageSeconds, acr, setOf(amr)]);
}

/** Of a device without posture nothing good is assumed. */
function deviceRecord({ id, posture }: DeviceContext): CedarRecord {
  if (posture === undefined) return new CedarRecord(ATTRIBUTES.device, [id, false, false, false, 'unknown']);
  const { compliant, managed, platform, osVersion, diskEncrypted, observedAtMs } = posture;
  const judgement = compliant ? 'compliant' : 'non-compliant';
  const observedAt = datetimeOf(observedAtMs);
  return new CedarRecord(ATTRIBUTES.device, [
    id,
    true,
    compliant,
    managed,
    judgement,
    platform,
    osVersion,
    diskEncrypted,
    observedAt,
  ]);
}
