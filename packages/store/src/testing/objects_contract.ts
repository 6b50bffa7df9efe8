/** What every Objects adapter must do, whatever keeps the bytes; S3 with conditional writes is the reference. */
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { Objects } from '../objects.ts';

export type OpenObjects = () => Promise<{ readonly objects: Objects; close?(): void | Promise<void> }>;

const badNames: readonly (readonly [what: string, name: string])[] = [
  ['nothing', ''],
  ['a way up', '../escape'],
  ['a way up in the middle', 'a/../../escape'],
  ['a way up at the end', 'a/..'],
  ['the folder itself', '.'],
  ['a dot segment', 'a/./b'],
  ['an absolute path', '/etc/passwd'],
  ['a folder', 'a/'],
  ['an empty segment', 'a//b'],
  ['a NUL', 'a\u0000b'],
  ['a backslash', 'a\\b'],
  ['a space', 'a b'],
  ['a percent escape', '%2e%2e/a'],
  ['a tilde', '~new/a'],
  ['a line break', 'a\n'],
  ['another alphabet', 'é'],
  ['513 bytes', `${'x'.repeat(255)}/${'x'.repeat(255)}/x`],
  ['a segment of 256 bytes', 'x'.repeat(256)],
];

export function describeObjectsContract(name: string, openObjects: OpenObjects): void {
  describe(`${name} keeps the contract of objects`, () => {
    let opened: Awaited<ReturnType<OpenObjects>>;
    let folders = 0;
    beforeAll(async () => {
      opened = await openObjects();
    });
    afterAll(async () => {
      await opened.close?.();
    });
    const objects = () => opened.objects;
    const createFolder = () => `folder-${++folders}`;
    const bytes = (text: string) => new TextEncoder().encode(text);

    test('bytes come back as they went, none of them included', async () => {
      const folder = createFolder();
      const all = Uint8Array.from({ length: 256 }, (_, index) => index);
      for (const [object, content] of [
        ['all', all],
        ['none', new Uint8Array(0)],
      ] as const) {
        expect(await objects().putIfAbsent(`${folder}/${object}`, content)).toEqual({ ok: true, value: undefined });
        expect(await objects().get(`${folder}/${object}`)).toStrictEqual(content);
      }
    });

    test('a megabyte comes back as it went', async () => {
      const object = `${createFolder()}/large`;
      const content = Uint8Array.from({ length: 1 << 20 }, (_, index) => index * 7);
      await objects().putIfAbsent(object, content);
      expect(Buffer.compare((await objects().get(object)) as Uint8Array, content)).toBe(0);
    });

    test('what is not there is undefined, also what is a folder or below an object', async () => {
      const folder = createFolder();
      await objects().putIfAbsent(`${folder}/a`, bytes('x'));
      expect(await objects().get(`${folder}/b`)).toBeUndefined();
      expect(await objects().get(folder)).toBeUndefined();
      expect(await objects().get(`${folder}/a/b`)).toBeUndefined();
    });

    test('an object is written once: a second put changes nothing', async () => {
      const object = `${createFolder()}/a`;
      await objects().putIfAbsent(object, bytes('first'));
      expect(await objects().putIfAbsent(object, bytes('second'))).toEqual({ ok: false, reason: 'already-exists' });
      expect(await objects().putIfAbsent(object, bytes('first'))).toEqual({ ok: false, reason: 'already-exists' });
      expect(await objects().get(object)).toEqual(bytes('first'));
    });

    test('of twenty that put one object at once exactly one does, and its bytes are there whole', async () => {
      const object = `${createFolder()}/deep/er/a`;
      const contents = Array.from({ length: 20 }, (_, index) => new Uint8Array(50_000).fill(index));
      const outcomes = await Promise.all(contents.map((content) => objects().putIfAbsent(object, content)));
      const winners = outcomes.flatMap((outcome, index) => (outcome.ok ? [index] : []));
      expect(winners).toHaveLength(1);
      expect(await objects().get(object)).toEqual(contents[winners[0] as number]);
    });

    test('a change to what was written or read does not reach the store', async () => {
      const object = `${createFolder()}/a`;
      const content = bytes('abc');
      await objects().putIfAbsent(object, content);
      content[0] = 0;
      ((await objects().get(object)) as Uint8Array)[1] = 0;
      expect(await objects().get(object)).toEqual(bytes('abc'));
    });

    test('lists names in the order of their bytes, by prefix, in pages', async () => {
      const folder = createFolder();
      const names = [
        '-',
        '.a',
        '0',
        '00',
        'A',
        'B/1',
        'Z',
        '_',
        'a',
        'b',
        'b-',
        'b.c',
        'b0',
        'c/1',
        'c/10',
        'c/2',
        'c0',
      ];
      const whole = names.map((object) => `${folder}/${object}`);
      for (const object of whole.toReversed()) await objects().putIfAbsent(object, bytes(object));
      expect(await objects().list(`${folder}/`)).toEqual({ names: whole });
      expect((await objects().list(`${folder}/b`)).names).toEqual(
        whole.filter((object) => object.startsWith(`${folder}/b`)),
      );
      expect((await objects().list(`${folder}/c/1`)).names).toEqual([`${folder}/c/1`, `${folder}/c/10`]);
      expect((await objects().list(`${folder}/c/`)).names).toHaveLength(3);
      expect((await objects().list(`${folder}/.`)).names).toEqual([`${folder}/.a`]);
      expect(await objects().list(`${folder}/nothing/`)).toEqual({ names: [] });
      expect(await objects().list(`${folder}/a/`)).toEqual({ names: [] });
      expect(await objects().list(`${folder}/b`, { after: `${folder}/b-` })).toEqual({
        names: [`${folder}/b.c`, `${folder}/b0`],
      });

      for (const limit of [1, 2, 5, 16, 17]) {
        const seen: string[] = [];
        for (let after: string | undefined; ; ) {
          const page = await objects().list(`${folder}/`, { limit, ...(after !== undefined && { after }) });
          expect(page.names.length).toBeLessThanOrEqual(limit);
          seen.push(...page.names);
          if (page.next === undefined) break;
          expect(page.next).toBe(page.names.at(-1));
          after = page.next;
        }
        expect(seen, `pages of ${limit}`).toEqual(whole);
      }
    });

    test('lists what several folders hold that begin alike, and all with no prefix', async () => {
      const folder = createFolder();
      await objects().putIfAbsent(`${folder}x/a`, bytes('a'));
      await objects().putIfAbsent(`${folder}/a`, bytes('a'));
      expect((await objects().list(folder)).names).toEqual([`${folder}/a`, `${folder}x/a`]);
      const all = (await objects().list('')).names;
      expect(all).toEqual(expect.arrayContaining([`${folder}/a`, `${folder}x/a`]));
      expect(all).toEqual(all.toSorted());
    });

    test.each(badNames)('%s is no name, and reaches nothing', async (_what, object) => {
      await expect(objects().putIfAbsent(object, bytes('x'))).rejects.toThrow(RangeError);
      await expect(objects().get(object)).rejects.toThrow(RangeError);
    });

    test.each(['../', '/', 'a/../', 'a//', 'a\u0000', './', 'é', '~new/'])(
      '`%s` is the prefix of no name',
      async (prefix) => {
        await expect(objects().list(prefix)).rejects.toThrow(RangeError);
      },
    );

    test.each([0, 1001, 1.5, Number.NaN])('a limit of %d is refused', async (limit) => {
      await expect(objects().list('', { limit })).rejects.toThrow(RangeError);
    });

    test('names of the greatest length are kept', async () => {
      const object = `${createFolder()}/${'x'.repeat(255)}/${'y'.repeat(200)}`;
      await objects().putIfAbsent(object, bytes('x'));
      expect(await objects().get(object)).toEqual(bytes('x'));
    });
  });
}
