import { copyFileSync, mkdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { EntriesAnswer, EntryAnswer } from '@postern/api';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { EXIT_CODES } from './exit_codes.ts';
import { startTestControlPlane, type TestControlPlane } from './testing/local_control_plane.ts';

let controlPlane: TestControlPlane;
beforeAll(async () => {
  controlPlane = await startTestControlPlane();
});
afterAll(() => controlPlane?.stop());

const write = (name: string, text: string) => writeFileSync(join(controlPlane.folder, name), text);
const run = (...args: string[]) => controlPlane.runHere(args);

async function json<T>(...args: string[]): Promise<T> {
  const ended = await run(...args, '--json');
  expect(ended, ended.err).toMatchObject({ code: 0 });
  return JSON.parse(ended.out) as T;
}

async function entriesOf(owner: string): Promise<readonly EntryAnswer[]> {
  return (await json<EntriesAnswer>('entry', 'list', '--owner', owner, '--limit', '100000')).entries;
}

const NODE = 'spiffe://demo.test/postern/agent/node-1';
const entry = (path: string, more: readonly string[] = []) =>
  [
    `  - spiffeId: spiffe://demo.test${path}`,
    `    parent: ${NODE}`,
    '    selectors: [unix:uid:1000]',
    ...more.map((it) => `    ${it}`),
  ].join('\n');
const file = (owner: string, ...entries: readonly string[]) =>
  `owner: ${owner}\nentries:${entries.length === 0 ? ' []' : `\n${entries.join('\n')}`}\n`;

describe('a file of entries', () => {
  test('is made so, and again changes nothing', async () => {
    write('a.yaml', file('a', entry('/a/web', ['ttl: 1h', 'jwtTtl: 2m', 'hint: main']), entry('/a/db')));
    expect(await json('entry', 'apply', '-f', 'a.yaml')).toMatchObject({ created: [{}, {}], refused: [] });
    const first = await entriesOf('a');
    expect(first).toHaveLength(2);
    expect(first.find(({ hint }) => hint === 'main')).toMatchObject({
      spiffeId: 'spiffe://demo.test/a/web',
      ttlSeconds: 3600,
      jwtTtlSeconds: 120,
      owner: 'a',
    });
    expect(await json('entry', 'apply', '-f', 'a.yaml')).toMatchObject({ created: [], updated: [], unchanged: 2 });
    expect(await entriesOf('a')).toEqual(first);
  });

  test('shows what it would do and does not do it, and CI learns of it by the exit code', async () => {
    write('b.yaml', file('b', entry('/b/web', ['ttl: 1h']), entry('/b/db')));
    await json('entry', 'apply', '-f', 'b.yaml');
    write('b.yaml', file('b', entry('/b/web', ['ttl: 30m']), entry('/b/new')));
    const before = await entriesOf('b');
    const shown = await run('entry', 'apply', '-f', 'b.yaml', '--dry-run', '--exit-code', '--prune');
    expect(shown.code).toBe(EXIT_CODES.changes.code);
    expect(shown.out).toBe(
      [
        `+ spiffe://demo.test/b/new at ${NODE}  b.yaml:7`,
        '    + selectors: unix:uid:1000',
        `~ spiffe://demo.test/b/web at ${NODE}  b.yaml:3`,
        '    - ttlSeconds: 3600',
        '    + ttlSeconds: 1800',
        `- spiffe://demo.test/b/db at ${NODE}`,
        '    - selectors: unix:uid:1000',
        '1 to create, 1 to change, 1 to delete, 0 as they are',
        '',
      ].join('\n'),
    );
    expect(await entriesOf('b')).toEqual(before);
    expect((await run('entry', 'apply', '-f', 'b.yaml', '--dry-run')).code).toBe(0);
    expect((await run('entry', 'apply', '-f', 'b.yaml', '--exit-code')).code).toBe(EXIT_CODES.usage.code);
    await json('entry', 'apply', '-f', 'b.yaml', '--prune');
    expect((await run('entry', 'apply', '-f', 'b.yaml', '--dry-run', '--exit-code', '--prune')).code).toBe(0);
  });

  test('leaves alone what is not in it, and deletes only what is its own when told to', async () => {
    const words = ['--spiffe-id', 'spiffe://demo.test/c/hand', '--parent', NODE, '--selector', 'unix:uid:1'];
    const byHand = await json<EntryAnswer>('entry', 'create', ...words);
    write('c.yaml', file('c', entry('/c/web'), entry('/c/db')));
    write('other.yaml', file('c2', entry('/c2/web')));
    await json('entry', 'apply', '-f', 'c.yaml');
    await json('entry', 'apply', '-f', 'other.yaml');
    write('c.yaml', file('c', entry('/c/web')));
    expect(await json('entry', 'apply', '-f', 'c.yaml')).toMatchObject({ deleted: [], kept: [{}] });
    expect(await entriesOf('c')).toHaveLength(2);
    write('c.yaml', file('c'));
    expect(await json('entry', 'apply', '-f', 'c.yaml', '--prune')).toMatchObject({ deleted: [{}, {}] });
    expect([await entriesOf('c'), await entriesOf('c2')]).toMatchObject([[], [{}]]);
    expect(await json('entry', 'show', byHand.id)).toEqual(byHand);
  });

  test('changes an entry whose selectors were changed, so that the old ones stand no more', async () => {
    write('d.yaml', file('d', entry('/d/web')));
    await json('entry', 'apply', '-f', 'd.yaml');
    const [before] = await entriesOf('d');
    write('d.yaml', file('d', entry('/d/web').replace('uid:1000', 'uid:2000')));
    expect(await json('entry', 'apply', '-f', 'd.yaml')).toMatchObject({ created: [], updated: [{ revision: 2 }] });
    expect(await entriesOf('d')).toMatchObject([{ id: before?.id, selectors: ['unix:uid:2000'] }]);
  });

  test('takes over what was entered by hand only when told to', async () => {
    const words = ['--spiffe-id', 'spiffe://demo.test/e/web', '--parent', NODE, '--selector', 'unix:uid:1000'];
    const byHand = await json<EntryAnswer>('entry', 'create', ...words);
    write('e.yaml', file('e', entry('/e/web', ['ttl: 1h'])));
    const refused = await run('entry', 'apply', '-f', 'e.yaml');
    expect(refused.code).toBe(EXIT_CODES.refused.code);
    expect(refused.out).toContain('e.yaml:3: it is there, entered by hand; take it over with --adopt');
    expect(await entriesOf('e')).toEqual([]);
    await json('entry', 'apply', '-f', 'e.yaml', '--adopt');
    expect(await entriesOf('e')).toMatchObject([{ id: byHand.id, ttlSeconds: 3600, owner: 'e' }]);
  });

  test('makes the others when one of them is refused, and says which', async () => {
    const past = entry('/f/past', ['expiresAt: 2001-01-01T00:00:00Z']);
    write('f.yaml', file('f', past, entry('/f/web')));
    const ended = await run('entry', 'apply', '-f', 'f.yaml');
    expect(ended.code).toBe(EXIT_CODES.refused.code);
    expect(ended.out).toMatch(/refused f\.yaml:3: spiffe:\/\/demo\.test\/f\/past: .*entry-expiry/);
    expect(await entriesOf('f')).toMatchObject([{ spiffeId: 'spiffe://demo.test/f/web' }]);
  });

  test('is JSON too, and has templates, names, bundles and an end', async () => {
    const wanted = {
      owner: 'g',
      entries: [
        {
          spiffeId: 'spiffe://demo.test/prod/ns/{k8s:ns}/sa/{k8s:sa}',
          parent: 'spiffe://demo.test/postern/attestor/prod',
          dnsNames: ['{k8s:sa}.prod.demo.test'],
          federatesWith: ['partner.test'],
          profile: 'workload',
          expiresAt: '2099-01-01T00:00:00Z',
        },
      ],
    };
    write('g.json', JSON.stringify(wanted));
    await json('entry', 'apply', '-f', 'g.json');
    expect(await entriesOf('g')).toMatchObject([{ selectors: [], federatesWith: ['partner.test'] }]);
    expect(await json('entry', 'apply', '-f', 'g.json')).toMatchObject({ unchanged: 1, updated: [] });
  });

  test('of thousands of entries is made within its time, and again in far less', async () => {
    const many = Array.from({ length: 1200 }, (_, index) => entry(`/many/app-${index}`));
    write('many.yaml', file('many', ...many));
    expect(await json<{ created: unknown[] }>('entry', 'apply', '-f', 'many.yaml')).toMatchObject({ refused: [] });
    const made = await entriesOf('many');
    // At one parent in the order of the file: of a workload’s identities the first is its default.
    expect(made.map(({ spiffeId }) => spiffeId)).toEqual(
      Array.from({ length: 1200 }, (_, index) => `spiffe://demo.test/many/app-${index}`),
    );
    expect(await json('entry', 'apply', '-f', 'many.yaml')).toMatchObject({ unchanged: 1200 });
    expect(await json('entry', 'list', '--prefix', 'spiffe://demo.test/many/', '--limit', '1500')).toMatchObject({
      entries: { length: 1200 },
    });
  }, 60_000);
});

test('a control plane that goes away in between: what was made is said, and the same command makes the rest', async () => {
  write('lost.yaml', file('lost', ...Array.from({ length: 30 }, (_, index) => entry(`/lost/${index}`))));
  const { applyPlan } = await import('./entries/apply_plan.ts');
  const { CommandFailure } = await import('./failure.ts');
  const { createCli } = await import('./cli.ts');
  let calls = 0;
  const post = async () => {
    if (++calls > 10)
      throw new CommandFailure('unavailable', 'control-plane-unreachable', 'it does not answer', 'look');
    return {} as never;
  };
  const create = Array.from({ length: 30 }, (_, line) => ({
    request: { spiffeId: 'x', parentId: 'y', selectors: [] },
    line,
  }));
  const plan = { create, update: [], delete: [], unchanged: 0, kept: [], conflicts: [] };
  const cli = createCli({ progress: undefined } as never, true);
  await expect(applyPlan(cli, { post } as never, plan)).rejects.toMatchObject({
    exit: 'unavailable',
    message: 'it does not answer; 10 of 30 changes were made before',
  });
  expect(calls).toBeLessThanOrEqual(14);
  await json('entry', 'apply', '-f', 'lost.yaml');
  expect(await entriesOf('lost')).toHaveLength(30);
});

describe('a file that cannot be used is refused with its line, and nothing of it is made', () => {
  const rows: [what: string, text: string, line: number, said: RegExp][] = [
    ['a misspelt key', file('x', entry('/x', ['tll: 1h'])), 6, /unknown key/],
    ['a number without its unit', file('x', entry('/x', ['ttl: 3600'])), 6, /duration/],
    ['a duration in words', file('x', entry('/x', ['ttl: soon'])), 6, /duration/],
    ['a time without its zone', file('x', entry('/x', ['expiresAt: 2027-01-01'])), 6, /time/],
    ['no parent', 'owner: x\nentries:\n  - spiffeId: spiffe://demo.test/x\n', 3, /`parent` is missing/],
    ['a selector twice', file('x', entry('/x').replace('1000]', '1000, unix:uid:1000]')), 5, /twice/],
    ['an ID of ours', file('x', entry('/x'), entry('/postern/agent/x')), 6, /entry-path-reserved/],
    ['a template of an agent', file('x', entry('/x/{k8s:ns}')), 3, /entry-template-parent/],
    ['an ID that is none', file('x', entry('/x/../y')), 3, /path-dot-segment/],
    ['the same entry twice', file('x', entry('/x'), entry('/x', ['ttl: 1h'])), 6, /before/],
    ['an anchor', 'owner: x\nentries: &a []\n', 2, /anchors/],
    ['YAML that is none', 'owner: x\nentries: [\n', 3, /yaml-malformed/],
    ['no entries at all', 'owner: x\n', 1, /`entries` is missing/],
    ['nothing', '', 1, /mapping/],
    ['two documents', `${file('x')}---\n${file('x')}`, 3, /yaml-malformed/],
    ['no owner', 'entries: []\n', 1, /owner/],
    ['an owner that is none', file('X!', entry('/x')), 3, /entry-owner/],
  ];

  test.each(rows)('%s', async (_what, text, line, said) => {
    write('bad.yaml', text);
    const ended = await run('entry', 'apply', '-f', 'bad.yaml');
    expect(ended.code).toBe(EXIT_CODES.usage.code);
    expect(ended.err).toMatch(new RegExp(`^bad\\.yaml:${line}:\\d+: error: `, 'm'));
    expect(ended.err).toMatch(said);
    expect(await entriesOf('x')).toEqual([]);
  });

  test('another owner than the command line says, a folder, a device and a link to nowhere', async () => {
    write('o.yaml', file('o', entry('/o')));
    mkdirSync(join(controlPlane.folder, 'folder'), { recursive: true });
    symlinkSync('/nowhere', join(controlPlane.folder, 'link.yaml'));
    for (const words of [['o.yaml', '--owner', 'p'], ['folder'], ['/dev/zero'], ['link.yaml'], ['none.yaml']])
      expect((await run('entry', 'apply', '-f', ...words)).code, words.join(' ')).toBe(EXIT_CODES.usage.code);
  });
});

describe('an entry is changed', () => {
  test('by what is said, and by nothing else', async () => {
    const words = ['--spiffe-id', 'spiffe://demo.test/u', '--parent', NODE, '--selector', 'unix:uid:7'];
    const created = await json<EntryAnswer>(
      'entry',
      'create',
      ...words,
      '--ttl',
      '1h',
      '--hint',
      'x',
      '--federates-with',
      'p.test',
    );
    const updated = await json<EntryAnswer>('entry', 'update', created.id, '--ttl', '2h', '--without', 'hint');
    expect(updated).toMatchObject({ revision: 2, ttlSeconds: 7200, hint: '', federatesWith: ['p.test'] });
    expect(updated.selectors).toEqual(created.selectors);
    const stale = await run('entry', 'update', created.id, '--ttl', '3h', '--revision', '1');
    expect([stale.code, /entry-revision/.test(stale.err)]).toEqual([EXIT_CODES.refused.code, true]);
  });

  test.each([
    ['nothing to change', [], 'usage'],
    ['what cannot be without', ['--without', 'selector'], 'usage'],
    ['what is given and taken out', ['--ttl', '1h', '--without', 'ttl'], 'usage'],
    ['an entry that is not there', ['--ttl', '1h'], 'refused'],
  ] as const)('is refused: %s', async (_what, words, exit) => {
    expect((await run('entry', 'update', 'x', ...words)).code).toBe(EXIT_CODES[exit].code);
  });
});

describe('an import', () => {
  const testing = (name: string) => join(import.meta.dirname, 'entries/testing', name);

  test('of SPIRE makes a file that applies, and says what is not in it', async () => {
    copyFileSync(testing('spire_show.json'), join(controlPlane.folder, 'spire.json'));
    const parents = [
      `spiffe://demo.test/spire/agent/k8s_psat/prod/*=spiffe://demo.test/postern/attestor/prod`,
      `spiffe://demo.test/spire/agent/join_token/*=${NODE}`,
    ].flatMap((it) => ['--parent', it]);
    const ended = await run('import', 'spire', 'spire.json', ...parents, '--out', 'spire.yaml');
    expect(ended).toMatchObject({ code: 0 });
    expect(ended.out).toContain('selector-unsupported: `k8s:pod-label:app:web` is not known');
    expect(readFileSync(join(controlPlane.folder, 'spire.yaml'), 'utf8')).toContain('# not carried over:');
    expect(await json('entry', 'apply', '-f', 'spire.yaml')).toMatchObject({ created: [{}, {}], refused: [] });
    expect(await json('entry', 'apply', '-f', 'spire.yaml')).toMatchObject({ unchanged: 2, updated: [] });
  });

  test('of cert-manager does so too', async () => {
    copyFileSync(testing('cert_manager_list.json'), join(controlPlane.folder, 'cm.json'));
    const ended = await run('import', 'cert-manager', 'cm.json', '--attestor', 'prod');
    expect(ended.code).toBe(0);
    write('cm.yaml', ended.out);
    expect(await json('entry', 'apply', '-f', 'cm.yaml')).toMatchObject({ created: { length: 4 }, refused: [] });
    expect(await json('entry', 'apply', '-f', 'cm.yaml')).toMatchObject({ unchanged: 4 });
  });

  test('of nothing that can be carried over says so', async () => {
    copyFileSync(testing('spire_show.json'), join(controlPlane.folder, 'spire.json'));
    expect((await run('import', 'spire', 'spire.json')).code).toBe(EXIT_CODES.refused.code);
    write('none.json', 'x');
    for (const name of ['none.json', 'nowhere.json', '/dev/zero'])
      expect((await run('import', 'spire', name)).code).toBe(EXIT_CODES.usage.code);
  });
});
