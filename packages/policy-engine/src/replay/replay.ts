/** Replay before publish: what recorded requests would come to by other policies, and who gains and who loses by it. */
import { formatUid } from '../cedar/index.ts';
import type { DeterminingPolicy, Outcome, PartyDecision } from '../decision.ts';
import type { LoadedRelease } from '../release/index.ts';
import { decideRecorded, type RecordedDecision } from './decide_recorded.ts';
import type { RecordedInput } from './recorded_input.ts';

export interface ReplayReport {
  readonly records: number;
  /** Records of services that neither side has: denied by both, so that they say nothing about the change. */
  readonly ofUnknownServices: number;
  /** The names of those services, as far as a reader needs them; untrusted text. */
  readonly unknownServices: readonly string[];
  /** Records whose outcome changes: to one that lets more through, and to one that lets less through. */
  readonly widened: number;
  readonly narrowed: number;
  /** Records with the same outcome for another reason or by other policies. */
  readonly decidedOtherwise: number;
  /** In the order of `changes`, whoever the party. */
  readonly totals: readonly ReplayTotal[];
  /** Those that let through what was denied first; of one kind, the most frequent first. */
  readonly changes: readonly ReplayChange[];
  /** Changed records beyond the groups that are told apart. */
  readonly ungrouped: number;
}

/** Records whose outcome changes in one way at one service and action. */
export interface ReplayTotal {
  readonly before: Outcome;
  readonly after: Outcome;
  readonly service: string;
  /** Cedar id of the action, both where the routes changed; method and path where nothing was routed. */
  readonly action: string;
  readonly count: number;
  /** Of those that `changes` tells apart. */
  readonly parties: number;
}

/** The same for one party. */
export interface ReplayChange extends Omit<ReplayTotal, 'parties'> {
  /** Whose own outcome changes, such as `User::"https://id.test#alice"`; the caller where nobody was asked. */
  readonly party: string;
  readonly example: ReplayExample;
}

/** The first record of its group. */
export interface ReplayExample {
  /** From 1, in the file of records. */
  readonly line: number;
  readonly atMs: number;
  readonly request: RecordedInput['request'];
  readonly before: ReplayedSide;
  readonly after: ReplayedSide;
}

export interface ReplayedSide {
  readonly reason: string;
  readonly parties: readonly ReplayedParty[];
}

export interface ReplayedParty {
  readonly principal: string;
  readonly outcome: Outcome;
  readonly determining: readonly Pick<DeterminingPolicy, 'id' | 'effect' | 'file' | 'line'>[];
}

export interface Replay {
  /** `line`: where the record stands, from 1. */
  add(recorded: RecordedInput, line: number): void;
  report(): ReplayReport;
}

/** A user each would make a group each; beyond so many nobody reads them. */
export const MAX_REPLAY_GROUPS = 10_000;
const MAX_UNKNOWN_SERVICES = 10;

/** How much an outcome lets through: a challenge lets through whoever takes it. */
const OPENNESS: { readonly [O in Outcome]: number } = { deny: 0, challenge: 1, allow: 2 };

/** Rows of the report, most alarming first. */
const TRANSITIONS: readonly (readonly [before: Outcome, after: Outcome])[] = [
  ['deny', 'allow'],
  ['challenge', 'allow'],
  ['deny', 'challenge'],
  ['allow', 'deny'],
  ['challenge', 'deny'],
  ['allow', 'challenge'],
];

/** Runs records against two releases, one after the other; keeps one example of each group. Some 20 µs a record. */
export function createReplay(before: LoadedRelease, after: LoadedRelease): Replay {
  const counts = { records: 0, ofUnknownServices: 0, widened: 0, narrowed: 0, decidedOtherwise: 0, ungrouped: 0 };
  const unknownServices = new Set<string>();
  const totals = new Map<string, Counted<ReplayTotal>>();
  const changes = new Map<string, Counted<ReplayChange>>();

  function note(recorded: RecordedInput, line: number, left: RecordedDecision, right: RecordedDecision): void {
    const { service, atMs, request } = recorded;
    const kind = { before: left.outcome, after: right.outcome, service, action: actionOf(recorded, left, right) };
    const key = JSON.stringify(Object.values(kind));
    const total = entryOf(totals, key, () => ({ ...kind, count: 0, parties: 0 }));
    total.count++;
    const party = changedParty(recorded, left, right);
    const partyKey = `${key} ${party}`;
    if (!changes.has(partyKey) && changes.size >= MAX_REPLAY_GROUPS) {
      counts.ungrouped++;
      return;
    }
    const change = entryOf(changes, partyKey, () => {
      total.parties++;
      return { ...kind, party, count: 0, example: { line, atMs, request, before: sideOf(left), after: sideOf(right) } };
    });
    change.count++;
  }

  return {
    add(recorded, line) {
      counts.records++;
      const { service } = recorded;
      if (!before.services.has(service) && !after.services.has(service)) {
        counts.ofUnknownServices++;
        if (unknownServices.size < MAX_UNKNOWN_SERVICES) unknownServices.add(service);
      }
      const left = decideRecorded(before, recorded);
      const right = decideRecorded(after, recorded);
      if (left.outcome !== right.outcome) {
        if (OPENNESS[left.outcome] < OPENNESS[right.outcome]) counts.widened++;
        else counts.narrowed++;
        note(recorded, line, left, right);
      } else if (!isDecidedAlike(left, right)) counts.decidedOtherwise++;
    },
    report() {
      return {
        ...counts,
        unknownServices: [...unknownServices],
        totals: [...totals.values()].sort(compareChanges),
        changes: [...changes.values()].sort(compareChanges),
      };
    },
  };
}

type Counted<T> = { -readonly [K in keyof T]: T[K] };

function entryOf<T>(map: Map<string, T>, key: string, create: () => T): T {
  const known = map.get(key);
  if (known !== undefined) return known;
  const made = create();
  map.set(key, made);
  return made;
}

function isDecidedAlike(left: RecordedDecision, right: RecordedDecision): boolean {
  if (left.reason !== right.reason || left.parties.length !== right.parties.length) return false;
  return left.parties.every((party, index) => {
    const others = right.parties[index]?.determining ?? [];
    return (
      party.determining.length === others.length && party.determining.every(({ id }, place) => id === others[place]?.id)
    );
  });
}

/** Of several the first; where one side asked nobody, the one who stands in the way on the other. */
function changedParty({ parties }: RecordedInput, left: RecordedDecision, right: RecordedDecision): string {
  const outcomeIn = (decision: RecordedDecision, principal: string) =>
    decision.parties.find((party) => party.principal === principal)?.outcome;
  const changed = parties
    .map(({ principal }) => formatUid(principal))
    .find((principal) => {
      const [before, after] = [outcomeIn(left, principal), outcomeIn(right, principal)];
      return before !== undefined && after !== undefined && before !== after;
    });
  const [caller] = parties;
  return changed ?? (caller === undefined ? 'nobody' : formatUid(caller.principal));
}

function actionOf(recorded: RecordedInput, left: RecordedDecision, right: RecordedDecision): string {
  const actions = [...new Set([left.action, right.action].filter((action) => action !== undefined))];
  const { method, path } = recorded.request;
  return actions.length === 0 ? `${method} ${path}` : actions.join(' → ');
}

function sideOf({ reason, parties }: RecordedDecision): ReplayedSide {
  return { reason, parties: parties.map(partyOf) };
}

/** Copied, so that an example holds on to nothing of its decision. */
function partyOf({ principal, outcome, determining }: PartyDecision): ReplayedParty {
  return {
    principal,
    outcome,
    determining: determining.map(({ id, effect, file, line }) => ({ id, effect, file, line })),
  };
}

/** Of equals the one met first. */
function compareChanges(left: ReplayTotal | ReplayChange, right: ReplayTotal | ReplayChange): number {
  return rankOf(left) - rankOf(right) || right.count - left.count;
}

function rankOf({ before, after }: Pick<ReplayTotal, 'before' | 'after'>): number {
  return TRANSITIONS.findIndex(([from, to]) => from === before && to === after);
}
