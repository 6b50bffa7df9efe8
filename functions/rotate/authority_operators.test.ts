/** Who may move the authority, and what two who do it at once, or who put back what was, come to. */
import { type AuthorityAnswer, type AuthorityCommand, PATHS } from '@postern/api';
import { AuthorityTampered } from '@postern/ca';
import { generateSoftwareSigner } from '@postern/keys';
import type { Item } from '@postern/store';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { FUNCTION_NAMES } from '../access.ts';
import {
  ADMINISTRATOR,
  AUDITOR,
  jsonOf,
  openSeparately,
  principalOf,
  type Separate,
  TEAM,
} from '../testing/separate.ts';

const MINUTE_MS = 60_000;
const STATE = { pk: 'authority', sk: 'state' };

let separate: Separate;
beforeEach(async () => {
  separate = await openSeparately();
  await separate.served.rotate.tick?.();
});
afterEach(() => separate.remove());

const operate = (body: unknown) => operateAs(ADMINISTRATOR, body);
const operateAs = (principal: string | undefined, body: unknown) =>
  separate.call('admin', { method: 'POST', target: PATHS.admin.authority, principal, body });
const askRotate = (body: unknown, principal: string | undefined) =>
  separate.call('rotate', { method: 'POST', target: PATHS.keys.authority, principal, body });
async function statusOf() {
  const answer = await separate.call('admin', { target: PATHS.admin.authority, principal: ADMINISTRATOR });
  return jsonOf<AuthorityAnswer>(answer).status;
}
const phasesOf = async (key: 'root' | 'jwt') =>
  (await statusOf()).keys[key].map(({ generation, phase }) => `${generation} ${phase}`);
const stateItem = async () => (await separate.table.get(STATE)) as Item;

const COMMANDS: readonly AuthorityCommand[] = [
  { command: 'prepare', key: 'root' },
  { command: 'advance' },
  { command: 'override', key: 'root', reason: 'x' },
  { command: 'distrust', key: 'root', generation: 1, reason: 'x' },
  { command: 'request' },
  { command: 'install', certificates: ['AAAA'] },
  { command: 'add-anchor', certificate: 'AAAA' },
  { command: 'remove-anchor', digest: '00' },
];

describe.each(COMMANDS)('$command', (command) => {
  test.each([
    ['an auditor', AUDITOR, 403],
    ['a service team', TEAM, 403],
    ['nobody', undefined, 401],
    ['a function', principalOf('issue'), 401],
  ])('is not for %s, and nothing is done', async (_, principal, status) => {
    const before = await stateItem();
    expect((await operateAs(principal, command)).status).toBe(status);
    expect(await stateItem()).toEqual(before);
  });

  test('is taken by rotate from admin alone', async () => {
    const before = await stateItem();
    const others = FUNCTION_NAMES.filter((name) => name !== 'admin').map(principalOf);
    for (const principal of others) expect((await askRotate({ ...command, by: 'x' }, principal)).status).toBe(403);
    for (const principal of [undefined, ADMINISTRATOR])
      expect((await askRotate({ ...command, by: 'x' }, principal)).status).toBe(401);
    expect(await stateItem()).toEqual(before);
  });
});

describe('against the rule nothing is done', () => {
  beforeEach(async () => {
    expect((await operate({ command: 'prepare', key: 'root' })).status).toBe(201);
  });
  const override = { command: 'override', key: 'root' };
  const distrust = { command: 'distrust', key: 'root', generation: 1 };
  test.each([
    ['without a reason', override],
    ['with an empty one', { ...override, reason: '' }],
    ['with a blank one', { ...override, reason: ' \n\t' }],
    ['with one that is no text', { ...override, reason: ['x'] }],
    ['with a long one', { ...override, reason: 'x'.repeat(257) }],
    ['in the name of somebody else', { ...override, reason: 'x', by: 'alice' }],
    ['of a key that is not rolled', { ...override, key: 'assertion', reason: 'x' }],
    ['and no root distrusted without a reason', distrust],
    ['nor with a blank one', { ...distrust, reason: '  ' }],
    ['nor one whose number is none', { ...distrust, generation: 1.5, reason: 'x' }],
  ])('%s', async (_, command) => {
    expect((await operate(command)).status).toBe(400);
    expect(await phasesOf('root')).toEqual(['1 signing', '2 published']);
  });

  test('and what is done bears the name that was authenticated, in state, record and alarm', async () => {
    expect((await operate({ ...override, reason: 'node is gone' })).status).toBe(201);
    const [, signing] = (await statusOf()).keys.root;
    expect(signing).toMatchObject({ phase: 'signing', override: { by: ADMINISTRATOR, reason: 'node is gone' } });
    expect(separate.logs).toContainEqual({
      event: 'authority-override',
      step: 'sign against the rule',
      by: ADMINISTRATOR,
    });
  });
});

describe('the only root', () => {
  test.each(['root', 'jwt'] as const)('that signs is not distrusted: %s', async (key) => {
    const answer = await operate({ command: 'distrust', key, generation: 1, reason: 'stolen' });
    expect(answer.status).toBe(409);
    expect(Buffer.from(answer.body).toString()).toContain('no-successor');
    expect(await phasesOf(key)).toEqual(['1 signing']);
  });
});

describe('two operators at once', () => {
  const both = async (one: unknown, other: unknown) =>
    (await Promise.all([operate(one), operate(other)])).map(({ status }) => status).sort();

  test('make one successor', async () => {
    const prepare = { command: 'prepare', key: 'root' };
    expect(await both(prepare, prepare)).toEqual([201, 409]);
    expect(await phasesOf('root')).toEqual(['1 signing', '2 published']);
  });

  test('override once', async () => {
    await operate({ command: 'prepare', key: 'root' });
    const override = { command: 'override', key: 'root', reason: 'node is gone' };
    expect(await both(override, override)).toEqual([201, 409]);
    expect(await phasesOf('root')).toEqual(['1 draining', '2 signing']);
  });

  test('of whom one distrusts what the other lets sign leave a root that signs', async () => {
    await operate({ command: 'prepare', key: 'root' });
    await both(
      { command: 'override', key: 'root', reason: 'node is gone' },
      { command: 'distrust', key: 'root', generation: 2, reason: 'a mistake' },
    );
    const phases = await phasesOf('root');
    expect([
      ['1 signing', '2 distrusted'],
      ['1 draining', '2 signing'],
    ]).toContainEqual(phases);
  });

  test('who move different keys are both served, or told to look again', async () => {
    await both({ command: 'prepare', key: 'root' }, { command: 'prepare', key: 'jwt' });
    await operate({ command: 'prepare', key: 'root' });
    await operate({ command: 'prepare', key: 'jwt' });
    expect(await phasesOf('root')).toEqual(['1 signing', '2 published']);
    expect(await phasesOf('jwt')).toEqual(['1 signing', '2 published']);
  });
});

describe('a state of the authority that somebody put into the table', () => {
  const certify = (principal = principalOf('issue')) =>
    separate.call('rotate', {
      method: 'POST',
      target: PATHS.keys.issuer,
      principal,
      body: { spki: Buffer.from(generateSoftwareSigner('ES256').spki).toString('base64') },
    });

  async function roll(): Promise<Item> {
    const old = await stateItem();
    await operate({ command: 'prepare', key: 'root' });
    await operate({ command: 'override', key: 'root', reason: 'a drill' });
    await separate.served.rotate.tick?.();
    expect(await phasesOf('root')).toEqual(['1 draining', '2 signing']);
    return old;
  }

  const altered: readonly (readonly [string, (now: Item, old: Item) => Item | undefined])[] = [
    ['as it was before', (_, old) => old],
    [
      'as it was before, with the number of now',
      (now, old) => ({ ...old, attributes: { ...old.attributes, sequence: now.attributes['sequence'] as number } }),
    ],
    [
      'with another payload',
      (now) => {
        const [header = '', payload = '', signature = ''] = String(now.attributes['jws']).split('.');
        const state = JSON.parse(Buffer.from(payload, 'base64url').toString());
        const other = Buffer.from(JSON.stringify({ ...state, sequence: state.sequence + 1 })).toString('base64url');
        return { ...now, attributes: { ...now.attributes, jws: [header, other, signature].join('.') } };
      },
    ],
    ['and took it away', () => undefined],
  ];

  test.each(altered)('%s signs nothing in the process that saw it', async (_, alter) => {
    const old = await roll();
    const item = alter(await stateItem(), old);
    await (item === undefined ? separate.table.delete(STATE) : separate.table.put(item));
    expect((await certify()).status).toBe(500);
    await expect(separate.served.rotate.tick?.()).rejects.toBeInstanceOf(AuthorityTampered);
    expect((await operate({ command: 'prepare', key: 'jwt' })).status).toBe(503);
    expect(await separate.table.get(STATE)).toEqual(item);
  });

  test.each(altered)(
    '%s signs nothing in one that starts afterwards, because the feed has a later bundle',
    async (_, alter) => {
      const old = await roll();
      const item = alter(await stateItem(), old);
      await (item === undefined ? separate.table.delete(STATE) : separate.table.put(item));
      const reopened = await separate.reopenRotate().catch((fault: unknown) => fault);
      if (!(reopened instanceof AuthorityTampered))
        await expect((reopened as Separate['served']['rotate']).tick?.()).rejects.toBeInstanceOf(AuthorityTampered);
      expect(await separate.table.get(STATE)).toEqual(item);
    },
  );

  test('is used by nobody else: issue goes by what it saw last, and the alarm says so', async () => {
    const old = await roll();
    separate.clock.advanceMs(2_000);
    const bundle = async () =>
      Buffer.from((await separate.call('trust', { target: PATHS.trustBundle })).body).toString();
    const now = await bundle();
    await separate.table.put(old);
    separate.clock.advanceMs(MINUTE_MS);
    expect(await bundle()).toBe(now);
    expect(separate.logs.map(({ event }) => event)).toContain('authority-not-read');
  });
});
