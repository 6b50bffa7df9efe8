import { describe, expect, test } from 'vitest';
import { fillDnsName, fillSpiffeId, hasLiteral } from './entry_template.ts';

const ID = 'spiffe://demo.test/prod/ns/{k8s:ns}/sa/{k8s:sa}';
const claims = (over: { readonly [claim: string]: string } = {}) =>
  new Map(Object.entries({ 'k8s:ns': 'shop', 'k8s:sa': 'web', ...over }));
const filled = (over?: { readonly [claim: string]: string }) => {
  const id = fillSpiffeId(ID, claims(over));
  return id.ok ? id.value.uri : `${id.reason} ${id.detail ?? ''}`.trim();
};

test('what was verified stands where the template has its name', () => {
  expect(filled()).toBe('spiffe://demo.test/prod/ns/shop/sa/web');
  expect(filled({ 'k8s:sa': 'system.web_1-A' })).toBe('spiffe://demo.test/prod/ns/shop/sa/system.web_1-A');
  expect(filled({ 'k8s:sa': 's'.repeat(255) })).toContain('/sa/ssss');
});

describe('a claim never becomes another name: it is refused, and not altered', () => {
  test.each([
    '',
    '.',
    '..',
    '/',
    'a/b',
    '../sa/admin',
    'web/../../postern/agent/x',
    '%2e%2e',
    'a%2Fb',
    'a b',
    'a\n',
    'a\u0000',
    'ä',
    'web?x',
    'web#x',
    'web:1',
    'web@x',
    '{k8s:ns}',
    '{k8s:sa}',
    '$&',
    '\\',
    's'.repeat(256),
  ])('%j', (value) => {
    expect(filled({ 'k8s:sa': value })).toBe('template-claim-value k8s:sa');
  });

  test('by any other octet either', () => {
    const allowed = /[A-Za-z0-9._-]/;
    for (let octet = 0; octet < 256; octet++) {
      const character = String.fromCharCode(octet);
      expect(filled({ 'k8s:sa': `a${character}a` }).startsWith('spiffe:'), `octet ${octet}`).toBe(
        allowed.test(character),
      );
    }
  });

  test('and what was not verified is nobody’s name', () => {
    expect(fillSpiffeId(ID, new Map([['k8s:ns', 'shop']]))).toMatchObject({
      reason: 'template-claim-missing',
      detail: 'k8s:sa',
    });
  });

  test('and no name is longer than verifiers take', () => {
    const template = `spiffe://demo.test/prod/${'{a}/'.repeat(7)}{a}`;
    expect(fillSpiffeId(template, new Map([['a', 'x'.repeat(251)]]))).toMatchObject({ ok: true });
    expect(fillSpiffeId(template, new Map([['a', 'x'.repeat(255)]]))).toMatchObject({ reason: 'template-too-long' });
  });

  test('two callers of one name are one caller: values are apart, wherever they are cut', () => {
    const a = filled({ 'k8s:ns': 'a', 'k8s:sa': 'b-c' });
    expect(a).not.toBe(filled({ 'k8s:ns': 'a-b', 'k8s:sa': 'c' }));
  });
});

describe('a DNS name', () => {
  const name = (value: string) => {
    const result = fillDnsName('{k8s:sa}.{oidc:a.b}.prod.demo.test', claims({ 'k8s:sa': value, 'oidc:a.b': 'main' }));
    return result.ok ? result.value : result.reason;
  };

  test('is filled label by label', () => {
    expect(name('web')).toBe('web.main.prod.demo.test');
  });

  test.each(['', '*', 'a.b', 'web.', 'Web', '-web', 'web-', 'we_b', 'wéb', 'a/b', 'x'.repeat(64)])(
    'is not made of %j',
    (value) => {
      expect(name(value)).toBe('template-claim-value');
    },
  );

  test('ends at 253 characters', () => {
    const long = `{k8s:sa}.${'a.'.repeat(95)}demo.test`;
    expect(fillDnsName(long, claims({ 'k8s:sa': 's'.repeat(52) }))).toMatchObject({ ok: true });
    expect(fillDnsName(long, claims({ 'k8s:sa': 's'.repeat(54) }))).toMatchObject({ reason: 'template-too-long' });
  });
});

test('an attestor is named by a whole segment or label', () => {
  expect(hasLiteral(ID, 'prod')).toBe(true);
  expect(hasLiteral(ID, 'demo.test')).toBe(false);
  expect(hasLiteral('spiffe://prod/x/{a}', 'prod')).toBe(false);
  expect(hasLiteral('{a}.prod.demo.test', 'prod')).toBe(true);
  expect(hasLiteral('{a}.not-prod.demo.test', 'prod')).toBe(false);
});
