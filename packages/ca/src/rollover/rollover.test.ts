/** The order of phases, tried out whole: every step in every state that can be reached, and what a rollover waits for. */
import type { RolledKeyName } from '@postern/keys';
import { beforeAll, describe, expect, test } from 'vitest';
import { must, START_MS } from '../testing/world.ts';
import { applyStep, type Step } from './apply_step.ts';
import { bundleOf } from './authority_bundle.ts';
import { type AuthorityState, comingOf, PHASES, publishedOf, signingOf, spkiOf } from './authority_state.ts';
import { type Consumer, type Observation, planNext, ROLLOVER_TIMES, type RolloverTimes } from './plan.ts';
import { beginning, prepareOf } from './testing/states.ts';

const KEYS: readonly RolledKeyName[] = ['root', 'jwt'];
const MINUTE_MS = 60_000;
const HOUR_MS = 60 * MINUTE_MS;

let start: AuthorityState;
beforeAll(async () => {
  start = await beginning();
});

const at = (state: AuthorityState, ...steps: readonly Step[]): AuthorityState =>
  steps.reduce((before, step) => must(applyStep(before, step, START_MS)), state);
const override = { by: 'alice', reason: 'a drill' };
const phases = (state: AuthorityState, key: RolledKeyName) =>
  state.keys[key].map(({ generation, phase }) => `${generation} ${phase}`);

describe('in every state that two rollovers can reach, whatever is asked for', () => {
  const LAST = 3;

  async function stepsOf(key: RolledKeyName): Promise<readonly Step[]> {
    const steps: Step[] = [];
    for (let generation = 0; generation <= LAST + 1; generation++) {
      steps.push({ kind: 'publish', key, generation }, { kind: 'sign', key, generation });
      steps.push({ kind: 'distrust', key, generation }, { kind: 'sign', key, generation, override });
      if (generation > 0 && generation <= LAST) steps.push(await prepareOf(key, generation));
    }
    return steps;
  }

  test.each(KEYS)('the generations of %s keep their order', async (key) => {
    const steps = await stepsOf(key);
    const seen = new Map([[phases(start, key).join(), start]]);
    let edges = 0;
    for (const state of seen.values()) {
      for (const step of steps) {
        const moved = applyStep(state, step, START_MS + 1);
        if (!moved.ok) continue;
        edges += 1;
        const next = moved.value;
        // One signs; at most one is coming; nobody goes back.
        expect(next.keys[key].filter(({ phase }) => phase === 'signing')).toHaveLength(1);
        expect(next.keys[key].filter((it) => it === comingOf(next, key)).length).toBeLessThanOrEqual(1);
        for (const before of state.keys[key]) {
          const after = next.keys[key].find(({ generation }) => generation === before.generation);
          expect(PHASES.indexOf(after?.phase ?? 'distrusted')).toBeGreaterThanOrEqual(PHASES.indexOf(before.phase));
        }
        // Whoever signs now was in the bundle before.
        const signing = signingOf(next, key);
        expect(publishedOf(state, key).map(({ generation }) => generation)).toContain(signing.generation);
        expect(signing.publishedIn).toBeLessThanOrEqual(state.bundleSequence);
        expect(next.sequence).toBe(state.sequence + 1);
        expect(next.bundleSequence === state.bundleSequence).toBe(
          JSON.stringify({ ...bundleOf(next), sequence: 0 }) === JSON.stringify({ ...bundleOf(state), sequence: 0 }),
        );
        if (next.keys[key].length <= LAST && !seen.has(phases(next, key).join()))
          seen.set(phases(next, key).join(), next);
      }
    }
    expect(seen.size).toBeGreaterThan(10);
    expect(edges).toBeGreaterThan(seen.size);
  });
});

describe('a step that is refused', () => {
  type Row = readonly [string, () => Promise<readonly Step[]>, string];
  const anchorOf = (certificate = '') => ({ digest: 'aa', certificate, by: 'alice', addedAtMs: START_MS });
  const rows: readonly Row[] = [
    [
      'a second successor beside the first',
      async () => [await prepareOf('root', 2), await prepareOf('root', 3)],
      'one-at-a-time',
    ],
    ['a generation that is not the next', async () => [await prepareOf('root', 3)], 'generation-order'],
    ['a generation that was', async () => [await prepareOf('root', 1)], 'generation-order'],
    [
      'a root that signs before anybody knows it',
      async () => [await prepareOf('root', 2), { kind: 'sign', key: 'root', generation: 2 }],
      'not-published',
    ],
    [
      'a root that signs before anybody knows it, though an operator says so',
      async () => [await prepareOf('root', 2), { kind: 'sign', key: 'root', generation: 2, override }],
      'not-published',
    ],
    ['what nobody made', async () => [{ kind: 'publish', key: 'jwt', generation: 2 }], 'generation-unknown'],
    ['what is out already', async () => [{ kind: 'publish', key: 'jwt', generation: 1 }], 'not-prepared'],
    [
      'the end of the only root',
      async () => [{ kind: 'distrust', key: 'root', generation: 1, override }],
      'no-successor',
    ],
    [
      'the end of the only root that is known, with another that is not',
      async () => [await prepareOf('root', 2), { kind: 'distrust', key: 'root', generation: 1, override }],
      'no-successor',
    ],
    ...(['distrusted', 'signing'] as const).map(
      (phase): Row => [
        `a root of ours that is ${phase}, as a foreign one`,
        async () => {
          const second = await prepareOf('root', 2);
          const generation = phase === 'distrusted' ? 1 : 2;
          return [
            second,
            { kind: 'publish', key: 'root', generation: 2 },
            { kind: 'distrust', key: 'root', generation: 1, override },
            { kind: 'add-foreign', anchor: anchorOf((await prepareOf('root', generation)).certificate) },
          ];
        },
        'anchor-own',
      ],
    ),
    [
      'a root that is distrusted above the next one',
      async () => {
        const old = (await prepareOf('root', 1)).certificate ?? '';
        return [{ ...(await prepareOf('root', 2)), anchors: [old] }];
      },
      'anchor-own',
    ],
    ['an anchor that is not there', async () => [{ kind: 'remove-foreign', digest: 'aa' }], 'anchor-unknown'],
  ];
  test.each(rows)('%s', async (_, steps, reason) => {
    const all = await steps();
    const before = at(start, ...all.slice(0, -1));
    expect(applyStep(before, all.at(-1) as Step, START_MS)).toMatchObject({ ok: false, reason });
  });
});

test('of a root that is distrusted at once, the successor that is known signs, and both are in the record of the state', async () => {
  const published = at(start, await prepareOf('root', 2), { kind: 'publish', key: 'root', generation: 2 });
  const state = at(published, { kind: 'distrust', key: 'root', generation: 1, override });
  expect(phases(state, 'root')).toEqual(['1 distrusted', '2 signing']);
  expect(state.keys.root.map((it) => it.override)).toEqual([override, override]);
  expect(bundleOf(state).x509Authorities).toHaveLength(1);
});

test('the bundle names the root that signs last, and says so by its number', async () => {
  const published = at(start, await prepareOf('root', 2), { kind: 'publish', key: 'root', generation: 2 });
  const last = (state: AuthorityState) => Buffer.from(bundleOf(state).x509Authorities.at(-1) ?? []).toString('base64');
  expect(last(published)).toBe(start.keys.root[0]?.certificate);
  expect(published.bundleSequence).toBe(2);
  const moved = at(published, { kind: 'sign', key: 'root', generation: 2 });
  expect(last(moved)).toBe(moved.keys.root[1]?.certificate);
  expect(moved.bundleSequence).toBe(3);
});

test('what was prepared is in no bundle', async () => {
  const state = at(start, await prepareOf('root', 2), await prepareOf('jwt', 2));
  expect(bundleOf(state)).toEqual(bundleOf(start));
});

test('of many distrusted ones the oldest are forgotten, so that the state stays small', async () => {
  let state = start;
  for (let generation = 2; generation < 30; generation++) {
    state = at(
      state,
      await prepareOf('jwt', generation),
      { kind: 'publish', key: 'jwt', generation },
      { kind: 'sign', key: 'jwt', generation },
      { kind: 'distrust', key: 'jwt', generation: generation - 1 },
    );
  }
  expect(phases(state, 'jwt')).toEqual([
    ...Array.from({ length: 8 }, (_, index) => `${index + 21} distrusted`),
    '29 signing',
  ]);
});

describe('what comes next', () => {
  const consumer = (name: string, bundleSequence?: number): Consumer => ({
    name,
    untilMs: START_MS + HOUR_MS,
    ...(bundleSequence !== undefined && { bundleSequence }),
  });
  const observe = (more: Partial<Observation> = {}): Observation => ({
    nowMs: START_MS,
    inFeed: Number.MAX_SAFE_INTEGER,
    consumers: [],
    coveredUntilMs: new Map(),
    ...more,
  });
  const plan = (state: AuthorityState, more: Partial<Observation> = {}, times: RolloverTimes = ROLLOVER_TIMES) =>
    planNext(state, observe(more), times);
  const published = async () => at(start, await prepareOf('root', 2), { kind: 'publish', key: 'root', generation: 2 });
  const briefly = ROLLOVER_TIMES.publishedForMs;

  test('is nothing, for most of the time', () => {
    expect(plan(start)).toEqual({ waits: [] });
  });

  test('is that what was prepared is published', async () => {
    const state = at(start, await prepareOf('root', 2));
    expect(plan(state)).toEqual({ step: { kind: 'publish', key: 'root', generation: 2 }, waits: [] });
  });

  const waiting: readonly (readonly [string, Partial<Observation>, string | undefined])[] = [
    ['while the bundle is not in the feed', { inFeed: 1, nowMs: START_MS + HOUR_MS }, 'not-in-feed'],
    ['while one consumer says nothing', { consumers: [consumer('a', 2), consumer('b')] }, 'consumers-behind'],
    [
      'while one has the bundle before',
      { consumers: [consumer('a', 1)], nowMs: START_MS + HOUR_MS },
      'consumers-behind',
    ],
    ['while pollers may not have it', { consumers: [consumer('a', 2)] }, 'published-too-briefly'],
    ['one millisecond too early', { nowMs: START_MS + briefly - 1 }, 'published-too-briefly'],
    [
      'no more when all have it and time is up',
      { consumers: [consumer('a', 2)], nowMs: START_MS + briefly },
      undefined,
    ],
    ['no more when all have a later one', { consumers: [consumer('a', 9)], nowMs: START_MS + briefly }, undefined],
    ['no more when nobody is there', { nowMs: START_MS + briefly }, undefined],
  ];
  test.each(waiting)('a root that is published does not sign %s', async (_, observed, reason) => {
    const { step, waits } = plan(await published(), observed);
    expect(step).toEqual(reason === undefined ? { kind: 'sign', key: 'root', generation: 2 } : undefined);
    expect(waits.map((wait) => wait.reason)).toEqual(reason === undefined ? [] : [reason]);
  });

  test('names who is behind, and until when', async () => {
    const { waits } = plan(await published(), { consumers: [consumer('a', 2), consumer('b', 1)] });
    expect(waits).toEqual([
      {
        key: 'root',
        generation: 2,
        next: 'sign',
        reason: 'consumers-behind',
        untilMs: START_MS + HOUR_MS,
        consumers: [consumer('b', 1)],
      },
    ]);
  });

  test.each([
    ['its certificates count', 9 * HOUR_MS, 8 * HOUR_MS, false],
    ['its last certificate ends this instant', 9 * HOUR_MS, 9 * HOUR_MS, true],
    ['one may be on its way', undefined, ROLLOVER_TIMES.drainedForMs - 1, false],
    ['none is left', undefined, ROLLOVER_TIMES.drainedForMs, true],
  ])('a root that signs no more is trusted while %s', async (_, coveredForMs, afterMs, isOver) => {
    const state = at(await published(), { kind: 'sign', key: 'root', generation: 2 });
    const coveredUntilMs = new Map(coveredForMs === undefined ? [] : [[1, START_MS + coveredForMs]]);
    const { step } = plan(state, { nowMs: START_MS + afterMs, coveredUntilMs });
    expect(step).toEqual(isOver ? { kind: 'distrust', key: 'root', generation: 1 } : undefined);
  });

  test('names who would have to join anew if a root that drains were distrusted now', async () => {
    const state = at(await published(), { kind: 'sign', key: 'root', generation: 2 });
    const [slow, quick] = [
      { ...consumer('slow', 3), root: 1 },
      { ...consumer('quick', 3), root: 2 },
    ];
    const waits = (...consumers: readonly Consumer[]) => plan(state, { consumers }).waits.map((wait) => wait.consumers);
    expect(waits(slow, quick)).toEqual([[slow]]);
    expect(waits(quick, consumer('unknown'))).toEqual([undefined]);
  });

  test.each([
    [ROLLOVER_TIMES.jwtDrainedForMs - 1, false],
    [ROLLOVER_TIMES.jwtDrainedForMs, true],
  ])('a key of tokens that signs no more is published for %d ms', async (afterMs, isOver) => {
    const state = at(
      start,
      await prepareOf('jwt', 2),
      { kind: 'publish', key: 'jwt', generation: 2 },
      { kind: 'sign', key: 'jwt', generation: 2 },
    );
    const { step } = plan(state, { nowMs: START_MS + afterMs });
    expect(step).toEqual(isOver ? { kind: 'distrust', key: 'jwt', generation: 1 } : undefined);
  });

  test('is a successor, in time, for a root that ends and for a key of tokens that is old', () => {
    const endsMs = START_MS + 10 * 365 * 24 * HOUR_MS;
    const times = { ...ROLLOVER_TIMES, jwtSignsForMs: Number.MAX_SAFE_INTEGER };
    const due = endsMs - times.rootRenewedBeforeMs;
    expect(plan(start, { nowMs: due - 1 }, times).step).toBeUndefined();
    expect(plan(start, { nowMs: due }, times).step).toEqual({ kind: 'prepare', key: 'root', generation: 2 });
    const old = START_MS + ROLLOVER_TIMES.jwtSignsForMs;
    expect(plan(start, { nowMs: old - 1 }).step).toBeUndefined();
    expect(plan(start, { nowMs: old }).step).toEqual({ kind: 'prepare', key: 'jwt', generation: 2 });
  });
});

describe('below a company’s root', () => {
  const DAY_MS = 24 * HOUR_MS;
  const lifeMs = 10 * 365 * DAY_MS;
  const below = (): AuthorityState => {
    const root = { ...signingOf(start, 'root'), anchors: [signingOf(start, 'root').certificate as string] };
    return { ...start, keys: { ...start.keys, root: [root] } };
  };
  const ask = (nowMs: number, rootRenewedBeforeMs: number) =>
    planNext(
      below(),
      { nowMs, inFeed: 1, consumers: [], coveredUntilMs: new Map() },
      { ...ROLLOVER_TIMES, rootRenewedBeforeMs, jwtSignsForMs: Number.MAX_SAFE_INTEGER },
    );

  // We would sign it ourselves, and lead everybody away from the company's root.
  test('no successor is made by itself: it waits for the company, and says until when', () => {
    const before = 365 * DAY_MS;
    expect(ask(START_MS + lifeMs - before - 1, before)).toEqual({ waits: [] });
    expect(ask(START_MS + lifeMs - before, before)).toEqual({
      waits: [
        { key: 'root', generation: 2, next: 'prepare', reason: 'company-certificate', untilMs: START_MS + lifeMs },
      ],
    });
  });

  test('a certificate of a shorter life is asked for again when a third of it is left, and not at once', () => {
    const whole = 100 * 365 * DAY_MS;
    expect(ask(START_MS + (lifeMs * 2) / 3 - DAY_MS, whole).waits).toEqual([]);
    expect(ask(START_MS + (lifeMs * 2) / 3 + DAY_MS, whole).waits).toMatchObject([{ reason: 'company-certificate' }]);
  });
});

test('the public half of each generation is the one that was prepared', async () => {
  const step = await prepareOf('root', 2);
  const state = at(start, step);
  expect(Buffer.from(spkiOf(state.keys.root[1] ?? signingOf(state, 'root'))).toString('base64')).toBe(step.spki);
});
