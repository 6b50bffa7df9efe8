import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, test } from 'vitest';
import { anchorsOf, brokenLinks, documentPaths } from './links.ts';

describe('no link within this repository leads nowhere', () => {
  test.each(documentPaths())('%s', (path) => {
    expect(brokenLinks(path)).toEqual([]);
  });

  test('and every document is looked at', () => {
    expect(documentPaths()).toEqual(
      expect.arrayContaining(['README.md', 'SECURITY.md', 'docs/cli.md', 'docs/decisions/0006-one-table-of-access.md']),
    );
  });
});

describe('a link is found to be broken', () => {
  const folder = mkdtempSync(join(tmpdir(), 'postern-links-'));
  afterAll(() => rmSync(folder, { recursive: true, force: true }));
  mkdirSync(join(folder, 'docs'));
  writeFileSync(join(folder, 'docs/other.md'), '# Other\n## `sub` & more\n## `sub` & more\n```sh\n# no heading\n```\n');
  const linksTo = (text: string) => {
    writeFileSync(join(folder, 'docs/page.md'), `# Page\n\n${text}\n`);
    return brokenLinks('docs/page.md', folder).map(({ line, target, reason }) => `${line} ${target} ${reason}`);
  };

  test.each([
    ['to a file that is not there', '[a](missing.md)', '3 missing.md file-missing'],
    ['to a heading that is not there', '[a](#nowhere)', '3 #nowhere heading-missing'],
    ['to a heading of another page', '[a](other.md#nowhere)', '3 other.md#nowhere heading-missing'],
    ['to a comment in a code block', '[a](other.md#no-heading)', '3 other.md#no-heading heading-missing'],
    ['out of the repository', '[a](../../etc/passwd)', '3 ../../etc/passwd outside-repository'],
    ['as the second one of a line', '[a](other.md) [b](c.md "title")', '3 c.md file-missing'],
  ])('%s', (_, text, broken) => {
    expect(linksTo(text)).toEqual([broken]);
  });

  test('and nothing else is', () => {
    expect(linksTo('[a](other.md#sub--more-1) [b](../docs/) [c](#page) [d](https://a.test/#b) `[e](f.md)`')).toEqual(
      [],
    );
    expect(linksTo('```md\n[a](missing.md)\n```')).toEqual([]);
    expect([...anchorsOf('# A `b` c/d\n# [Link](x.md)\n# Ünïcode_1')]).toEqual(['a-b-cd', 'link', 'ünïcode_1']);
  });
});
