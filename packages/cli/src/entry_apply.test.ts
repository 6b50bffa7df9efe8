import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { EXIT_CODES } from './exit_codes.ts';
import { startTestControlPlane, type TestControlPlane } from './testing/local_control_plane.ts';

interface Entry {
  readonly id: string;
  readonly spiffeId: string;
  readonly ttlSeconds?: number;
}

let controlPlane: TestControlPlane;

beforeAll(async () => {
  controlPlane = await startTestControlPlane();
});
afterAll(() => controlPlane?.stop());

const run = (...args: string[]) => controlPlane.run(args);

async function entries(): Promise<readonly Entry[]> {
  const { out } = await run('entry', 'list', '--json');
  return (JSON.parse(out) as { entries: Entry[] }).entries;
}

beforeEach(async () => {
  for (const { id } of await entries()) await run('entry', 'delete', id);
});

const item = (name: string, more = '') => `
  - spiffeId: spiffe://demo.test/shop/${name}
    parent: spiffe://demo.test/postern/agent/node-1
    selectors: [unix:uid:1000, "unix:path:/usr/bin/${name}"]${more}`;

function save(...items: string[]): void {
  writeFileSync(join(controlPlane.folder, 'entries.yaml'), `owner: shop\nentries:${items.join('') || ' []'}\n`);
}

const apply = (...args: string[]) => run('entry', 'apply', '-f', 'entries.yaml', ...args);

describe('a file of entries', () => {
  test('is shown as a diff, applied, and applied again without effect', async () => {
    save(item('web', '\n    ttl: 1h'), item('pay'));
    const shown = await apply('--dry-run', '--exit-code');
    expect(shown).toMatchObject({ code: EXIT_CODES.changes.code });
    expect(shown.out).toContain('2 to create, 0 to change, 0 to delete');
    expect(await entries()).toEqual([]);
    expect(await apply()).toMatchObject({ code: 0 });
    expect(await entries()).toMatchObject([{ ttlSeconds: 3600 }, {}]);
    expect((await apply()).out).toBe('0 created, 0 changed, 0 deleted, 2 as they are\n');
    expect(await apply('--dry-run', '--exit-code')).toMatchObject({ code: 0 });
  });

  test('changes what it says differently, under the same id', async () => {
    save(item('web', '\n    ttl: 1h'));
    await apply();
    const [before] = await entries();
    save(item('web', '\n    ttl: 2h'));
    expect((await apply()).out).toContain('0 created, 1 changed, 0 deleted');
    expect(await entries()).toMatchObject([{ id: before?.id, ttlSeconds: 7200 }]);
  });

  test('deletes only what is its owner’s, and only when told to', async () => {
    const byHand = ['--spiffe-id', 'spiffe://demo.test/hand', '--selector', 'unix:uid:7'];
    await run('entry', 'create', ...byHand, '--parent', 'spiffe://demo.test/postern/agent/node-1');
    save(item('web'), item('pay'));
    await apply();
    save(item('web'));
    await apply();
    expect(await entries()).toHaveLength(3);
    await apply('--prune');
    expect((await entries()).map(({ spiffeId }) => spiffeId)).toEqual([
      'spiffe://demo.test/hand',
      'spiffe://demo.test/shop/web',
    ]);
  });

  test('leaves an entry that was there before alone, unless it is to be adopted', async () => {
    const selectors = ['--selector', 'unix:uid:1000', '--selector', 'unix:path:/usr/bin/web'];
    const names = ['--spiffe-id', 'spiffe://demo.test/shop/web', '--parent', 'spiffe://demo.test/postern/agent/node-1'];
    await run('entry', 'create', ...names, ...selectors);
    save(item('web', '\n    ttl: 1h'));
    expect(await apply()).toMatchObject({ code: EXIT_CODES.refused.code });
    expect((await entries())[0]).not.toHaveProperty('ttlSeconds');
    expect(await apply('--adopt')).toMatchObject({ code: 0 });
    expect(await entries()).toMatchObject([{ ttlSeconds: 3600 }]);
  });

  test.each([
    ['an unknown key', item('web', '\n    tll: 1h'), /entries\.yaml:6:\d+: error: unknown key/],
    ['a number without a unit', item('web', '\n    ttl: 60'), /entries\.yaml:6:\d+: error: expected a duration/],
    ['an entry twice', item('web') + item('web'), /entries\.yaml:6:\d+: error: the same SPIFFE ID/],
    [
      'a reserved path',
      item('web').replace('/shop/web', '/postern/x'),
      /entries\.yaml:3:\d+: error: .*entry-path-reserved/,
    ],
    [
      'a template below an agent',
      item('web').replace('/shop/web', '/shop/{k8s:ns}'),
      /entries\.yaml:3:\d+: error: .*entry-template/,
    ],
  ])('with %s changes nothing, and says where', async (_, text, message) => {
    save(item('pay'), text);
    writeFileSync(join(controlPlane.folder, 'entries.yaml'), `owner: shop\nentries:${text}\n`);
    const ended = await apply();
    expect(ended).toMatchObject({ code: EXIT_CODES.usage.code });
    expect(ended.err).toMatch(message);
    expect(await entries()).toEqual([]);
  });
});

test('a trust domain is federated, listed and federated no more', async () => {
  const own = await run('federation', 'create', 'demo.test', '--endpoint', 'https://a.test/');
  expect(own).toMatchObject({ code: EXIT_CODES.refused.code });
  expect(own.err).toContain('federation-own-domain');
  expect(await run('federation', 'create', 'other.test', '--endpoint', 'https://127.0.0.1:1/')).toMatchObject({
    code: 0,
  });
  const listed = await run('federation', 'list', '--json');
  expect(JSON.parse(listed.out)).toMatchObject({ federations: [{ trustDomain: 'other.test', profile: 'https_web' }] });
  const again = await run('federation', 'create', 'other.test', '--endpoint', 'https://127.0.0.1:1/');
  expect(again.err).toContain('federation-exists');
  expect(await run('federation', 'delete', 'other.test')).toMatchObject({ code: 0 });
  expect((await run('federation', 'list')).out).toBe('no federated trust domains\n');
});
