import { assertInTime } from '@postern/policy-engine/testing';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import {
  type Entities,
  entitiesFromJson,
  entitiesOf,
  entityInputsFromJson,
} from '../../../packages/policy-engine/src/cedar/index.ts';
import { answersOfCedar, compileCase, requestOf, showAnswer } from './compare.ts';
import {
  denseRequests,
  denseSets,
  entityLists,
  type GeneratedCase,
  indexedSets,
  policySets,
  requests,
} from './generate_case.ts';

/** One request among some entities, both by number; the entities are those of before, or partly so. */
const steps = fc.array(
  fc.record({
    world: fc.nat(2),
    request: fc.nat(5),
    entities: fc.constantFrom('kept', 'kept', 'layered'),
    byOther: fc.boolean(),
  }),
  { minLength: 10, maxLength: 40 },
);

type Sets = typeof policySets;
type Requests = typeof requests;

function sequences(set: Sets, asked: Requests) {
  return fc.record({
    set,
    worlds: fc.array(entityLists, { minLength: 3, maxLength: 3 }),
    asked: fc.array(asked, { minLength: 6, maxLength: 6 }),
    steps,
  });
}

const kinds: [name: string, set: Sets, asked: Requests][] = [
  ['of all kinds', fc.oneof(policySets, indexedSets), requests],
  ['that conditions tell apart', denseSets, denseRequests],
];

test.each(kinds)(
  'a policy set %s that has decided much decides as one that has decided nothing, and as cedar-wasm does',
  (name, set, asked) => {
    assertInTime(
      `warm: a set ${name}`,
      fc.property(sequences(set, asked), ({ set, worlds, asked, steps }) => {
        const warm = compileCase(set);
        // Two sets that decide with the same entities, as a release's do.
        const other = compileCase({ ...set, policies: set.policies.toReversed() });
        const kept = worlds.map((entities) => entitiesFromJson(entities));
        const layered = worlds.map(layersOf);
        const byCedar = new Map<string, string | undefined>();
        for (const [place, step] of steps.entries()) {
          const json = { ...set, entities: worlds[step.world]!, requests: [asked[step.request]!] };
          const known = `${step.world} ${step.request}`;
          if (!byCedar.has(known)) byCedar.set(known, answersOfCedar(json)[0]);
          const request = requestOf(json.requests[0]!);
          const [fresh, anew, before] = [compileCase(set), entitiesFromJson(json.entities), kept[step.world]!];
          if (!warm.ok || !other.ok || !fresh.ok || !anew.ok || !before.ok || request === undefined) {
            expect(byCedar.get(known), `step ${place}`).toBe('refused');
            continue;
          }
          const entities = (step.entities === 'layered' && layered[step.world]!()) || before.value;
          if (step.byOther) {
            expect(showAnswer(other.value.authorize(request, entities)), `step ${place}`).toBe(byCedar.get(known));
            continue;
          }
          const answer = warm.value.authorize(request, entities);
          expect(answer, `step ${place}`).toEqual(fresh.value.authorize(request, anew.value));
          expect(showAnswer(answer), `step ${place}`).toBe(byCedar.get(known));
        }
      }),
      { numRuns: 2_000, atLeast: 4 },
    );
  },
  1_500_000,
);

/** The same entities as a request's over a release's: those below stay, with all that has been noted on them. */
function layersOf(json: GeneratedCase['entities']): () => Entities | undefined {
  const inputs = entityInputsFromJson(json);
  if (!inputs.ok) return () => undefined;
  // Parents come later in the list.
  const above = inputs.value.slice(0, 3);
  const base = entitiesOf(inputs.value.slice(3));
  return () => {
    const both = base.ok ? base.value.with(above) : undefined;
    return both?.ok === true ? both.value : undefined;
  };
}
