import { describe, expect, test } from 'vitest';
import { claimNamesOf, fillClaimNames } from './claim_names.ts';

const KNOWN = ['aws:account', 'aws:instance', 'k8s:node'];

describe('a template', () => {
  test('names claims of its kind', () => {
    expect(claimNamesOf('{aws:account}-{aws:instance}', KNOWN)).toEqual(['aws:account', 'aws:instance']);
    expect(claimNamesOf('prod.{k8s:node}', KNOWN)).toEqual(['k8s:node']);
  });

  test.each([
    ['nothing', ''],
    ['one name for all', 'node'],
    ['a claim that this kind has not', '{unix:uid}'],
    ['two claims side by side, which two pairs of values would fill alike', '{aws:account}{aws:instance}'],
    ['a path', 'a/{k8s:node}'],
    ['a brace too many', '{{k8s:node}}'],
    ['a brace too few', '{k8s:node'],
    ['a space', '{k8s:node} '],
    ['a newline', '{k8s:node}\n'],
    ['a percent', '%2F{k8s:node}'],
    ['an empty claim', '{}'],
  ])('that is %s is none', (_, template) => {
    expect(claimNamesOf(template, KNOWN)).toBeUndefined();
  });
});

describe('a name', () => {
  const fill = (template: string, value: string) => {
    const filled = fillClaimNames(
      template,
      new Map([
        ['k8s:node', value],
        ['aws:account', '1'],
      ]),
    );
    return filled.ok ? filled.value : filled.reason;
  };

  test('is one path segment of verified claims', () => {
    expect(fill('prod.{k8s:node}', 'ip-10-0-0-1.ec2')).toBe('prod.ip-10-0-0-1.ec2');
  });

  test.each([
    'a/b',
    '..',
    '.',
    '%2e%2e',
    'a%2Fb',
    'a b',
    'a\nb',
    'a\0',
    '',
    'ä',
    'a:b',
    '{aws:account}',
    '\u202e',
    'a\\b',
  ])('is never made of the claim %j', (value) => {
    expect(fill('{k8s:node}', value)).toBe('claim-malformed');
  });

  test('is not shared by two that put the separator elsewhere', () => {
    expect(fill('{k8s:node}-{aws:account}', 'a-b')).toBe('claim-malformed');
    expect(fill('{aws:account}-{k8s:node}', 'a-b')).toBe('1-a-b');
  });

  test('is not made where a claim is missing', () => {
    const filled = fillClaimNames('{k8s:node}', new Map());
    expect(filled).toMatchObject({ ok: false, reason: 'claim-missing', detail: 'k8s:node' });
  });
});
