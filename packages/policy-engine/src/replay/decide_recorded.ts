/** Decides a recorded input by the policies of another release: routed, completed and judged as a decision point would. */
import { accept, type Result, refuse } from '@postern/result';
import { type CedarRecord, datetimeOf, recordOf, recordOfEntries, type Value } from '../cedar/index.ts';
import { decide } from '../decide.ts';
import type { DecisionInput, EngineDecision, EngineReason, Party } from '../decision.ts';
import { localTime } from '../local_time.ts';
import { ANONYMOUS_USER } from '../model.ts';
import type { LoadedRelease, Service } from '../release/index.ts';
import { type RoutedRequest, type RouteReason, routeRequest } from '../route_request.ts';
import { decodePath } from '../routing/index.ts';
import type { RecordedInput } from './recorded_input.ts';

/** Why no policy is asked. */
export type InputReason = RouteReason | 'assurance-insufficient' | 'user-missing';

export interface RecordedDecision extends Pick<EngineDecision, 'outcome' | 'parties'> {
  readonly reason: EngineReason | InputReason;
  /** What it was routed to; absent when it was refused before. */
  readonly action?: string;
}

export function decideRecorded(loaded: LoadedRelease, recorded: RecordedInput): RecordedDecision {
  const input = inputOf(loaded, recorded);
  if (!input.ok) return { outcome: 'deny', reason: input.reason, parties: [] };
  const { outcome, reason, parties } = decide(loaded, input.value);
  return { outcome, reason, parties, action: input.value.action };
}

/**
 * The engine's input for a release: the request is routed by its routes, a user counts as its routes say, local time is
 * that of its service. What else changes what a decision point knows (token issuers and their groups, facts) is as it was.
 */
export function inputOf(loaded: LoadedRelease, recorded: RecordedInput): Result<DecisionInput, InputReason> {
  const { method, path, host } = recorded.request;
  const routed = routeRequest(loaded, recorded.service, { method, target: path, authority: host });
  if (!routed.ok) return routed;
  const { service, action, user } = routed.value;
  if (!isAssured(recorded.context, service)) return refuse('assurance-insufficient');
  const hasUser = recorded.parties.some(({ kind }) => kind === 'user');
  if (user === 'required' && !hasUser) return refuse('user-missing');
  return accept({
    service: service.name,
    action,
    parties: user === 'none' ? withoutUser(recorded.parties) : withUser(recorded.parties),
    context: completed(recorded, routed.value, user === 'none'),
    entities: user === 'none' ? recorded.entities.filter(({ uid }) => uid.type !== 'User') : recorded.entities,
    nowMs: recorded.atMs,
  });
}

/** A caller without a certificate is anonymous and needs no assurance. */
function isAssured(context: CedarRecord, service: Service): boolean {
  const workload = context.get('workload');
  const assurance = typeof workload === 'object' && workload.kind === 'record' ? workload.get('assurance') : undefined;
  return assurance === undefined || service.assurance.some((accepted) => accepted === assurance);
}

const isOfUser = ({ kind }: Party) => kind === 'user' || kind === 'anonymous-user';

function withoutUser(parties: readonly Party[]): readonly Party[] {
  return parties.filter((party) => !isOfUser(party));
}

/** Where nobody looked for a user then and this release does, nobody was there. */
function withUser(parties: readonly Party[]): readonly Party[] {
  return parties.some(isOfUser) ? parties : [...parties, { kind: 'anonymous-user', principal: ANONYMOUS_USER }];
}

/** What is known through the user's credential. */
const OF_USER: ReadonlySet<string> = new Set(['user', 'auth', 'device']);

function completed(recorded: RecordedInput, routed: RoutedRequest, isUserIgnored: boolean): CedarRecord {
  const { atMs, context, request } = recorded;
  const { path, host, service } = routed;
  const entries: [string, Value][] = [
    ['now', datetimeOf(atMs)],
    ['request', recordOf({ method: request.method, path: decodePath(path), host })],
    ['local', recordOf({ ...localTime(atMs, service.timeZone) })],
  ];
  for (const name of context.names()) {
    if (!isUserIgnored || !OF_USER.has(name)) entries.push([name, context.get(name) as Value]);
  }
  return recordOfEntries(entries);
}
