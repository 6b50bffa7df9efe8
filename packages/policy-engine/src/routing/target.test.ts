import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { decodePath, parseTarget, type TargetReason } from './target.ts';

const reject = { pathParameters: 'reject' } as const;
const keep = { pathParameters: 'keep' } as const;

function reasonOf(raw: string, options: Parameters<typeof parseTarget>[1] = reject): TargetReason | 'accepted' {
  const target = parseTarget(raw, options);
  return target.ok ? 'accepted' : target.reason;
}

describe('a path that proxy and upstream could read differently is refused, never rewritten', () => {
  // Probes of a real proxy without normalisation, and what they would have become (ext_authz checklist X31 to X34).
  const refused: [raw: string, reason: TargetReason][] = [
    ['/a/../admin', 'path-dot-segment'],
    ['/a/./admin', 'path-dot-segment'],
    ['/..', 'path-dot-segment'],
    ['/.', 'path-dot-segment'],
    ['/a/%2e%2e/admin', 'path-escape-unreserved'],
    ['/a/.%2e/admin', 'path-escape-unreserved'],
    ['/%2E%2E/admin', 'path-escape-unreserved'],
    ['/%2e%2e;/admin', 'path-escape-unreserved'],
    ['/..;/admin', 'path-dot-segment'],
    ['/..;a=b/admin', 'path-dot-segment'],
    ['/..%3Ba=b/admin', 'path-dot-segment'],
    ['/.;/admin', 'path-dot-segment'],
    ['/user/..;foo=bar/admin', 'path-dot-segment'],
    ['//admin', 'path-empty-segment'],
    ['/a//admin', 'path-empty-segment'],
    ['//', 'path-empty-segment'],
    ['/a//', 'path-empty-segment'],
    ['/%61dmin', 'path-escape-unreserved'],
    ['/%7Euser', 'path-escape-unreserved'],
    ['/a%2f..%2fadmin', 'path-escaped-slash'],
    ['/a%2Fadmin', 'path-escaped-slash'],
    ['/a%5c..%5cadmin', 'path-escaped-backslash'],
    ['/a\\..\\admin', 'path-backslash'],
    ['/a%00.html', 'path-escaped-control'],
    ['/a%0d%0aset-cookie:x', 'path-escaped-control'],
    ['/a%7F', 'path-escaped-control'],
    ['/a%252fadmin', 'path-escaped-percent'],
    ['/a%25', 'path-escaped-percent'],
    ['/%c0%ae%c0%ae/admin', 'path-escape-lower-case'],
    ['/%C0%AE%C0%AE/admin', 'path-escape-not-utf8'],
    ['/%E0%80%AF', 'path-escape-not-utf8'],
    ['/%ED%A0%80', 'path-escape-not-utf8'],
    ['/%F4%90%80%80', 'path-escape-not-utf8'],
    ['/%FF', 'path-escape-not-utf8'],
    ['/%C3', 'path-escape-not-utf8'],
    ['/%C3/%A9', 'path-escape-not-utf8'],
    ['/caf%c3%a9', 'path-escape-lower-case'],
    ['/caf\u00e9', 'path-not-ascii'],
    ['/a%', 'path-escape-malformed'],
    ['/a%2', 'path-escape-malformed'],
    ['/a%u002f', 'path-escape-malformed'],
    ['/a%zz', 'path-escape-malformed'],
    ['/admin;x=1', 'path-parameter'],
    ['/admin%3Bx=1', 'path-parameter'],
    ['/a\u0000b', 'path-control'],
    ['/a\tb', 'path-control'],
    ['/a b', 'path-control'],
    ['/a\r\nb', 'path-control'],
    ['/a\u007f', 'path-control'],
    ['/a|b', 'path-character'],
    ['/a"b', 'path-character'],
    ['/a<b', 'path-character'],
    ['/a^b', 'path-character'],
    ['/a{b}', 'path-character'],
    ['/a[b]', 'path-character'],
    ['/a#b', 'target-fragment'],
    ['/a?b#c', 'target-fragment'],
    ['/a?b\r\nc', 'query-control'],
    ['/a?b c', 'query-control'],
    ['', 'target-empty'],
    ['*', 'target-asterisk-form'],
    ['http://payments.demo.test/refunds', 'target-absolute-form'],
    ['HTTPS://x/', 'target-absolute-form'],
    ['payments.demo.test:443', 'target-authority-form'],
    ['admin', 'target-authority-form'],
    [' /admin', 'path-control'],
    [`/${'a'.repeat(8192)}`, 'target-too-long'],
  ];
  test.each(refused)('%j: %s', (raw, reason) => expect(reasonOf(raw)).toBe(reason));

  const accepted: [raw: string, path: string, segments: string[]][] = [
    ['/', '/', ['']],
    ['/refunds', '/refunds', ['refunds']],
    ['/refunds/', '/refunds/', ['refunds', '']],
    ['/a?x=%2F&y=/../&z=;%00', '/a', ['a']],
    ['/a?', '/a', ['a']],
    ['/a??b', '/a', ['a']],
    ['/caf%C3%A9', '/caf%C3%A9', ['café']],
    ['/a%20b', '/a%20b', ['a b']],
    ['/a%40b', '/a%40b', ['a@b']],
    ['/a@b:c', '/a@b:c', ['a@b:c']],
    ["/~user/a.b-c_d!$&'()*+,=", "/~user/a.b-c_d!$&'()*+,=", ['~user', "a.b-c_d!$&'()*+,="]],
    ['/...', '/...', ['...']],
    ['/.well-known/x', '/.well-known/x', ['.well-known', 'x']],
    ['/a..b', '/a..b', ['a..b']],
    [`/${'a'.repeat(8191)}`, `/${'a'.repeat(8191)}`, ['a'.repeat(8191)]],
  ];
  test.each(accepted)('%j is canonical', (raw, path, segments) => {
    expect(parseTarget(raw, reject)).toMatchObject({ ok: true, value: { path, segments } });
  });

  test('parameters of a segment stay where the service keeps them, but hide no dot segment', () => {
    expect(reasonOf('/admin;x=1', keep)).toBe('accepted');
    expect(reasonOf('/..;x=1', keep)).toBe('path-dot-segment');
    expect(reasonOf('/..%3Bx', keep)).toBe('path-dot-segment');
    expect(reasonOf('/;x=1/admin', keep)).toBe('path-empty-segment');
  });
});

/** Paths made of what tricks are made of; most are refused, so ordinary ones are mixed in. */
const piece = fc.constantFrom(
  ...['/', '//', '.', '..', ';', '%2e', '%2E', '%2F', '%5C', '%25', '%C3%A9', '%c3%a9', '%C0%AE', '%20', '%3B', '\\'],
  ...['a', 'admin', 'é', '?', '#', '%', ':', '@', '%40', '+', ' ', '\0'],
);
const trickyPath = fc.array(piece, { maxLength: 8 }).map((pieces) => `/${pieces.join('')}`);
const plainPath = fc
  .array(
    fc.string({ unit: fc.constantFrom('a', 'B', '7', '-', '~', '%20', '%C3%A9', '@'), minLength: 1, maxLength: 6 }),
  )
  .map((segments) => `/${segments.join('/')}`);

describe('the canonical form is a fixed point', () => {
  test.each([reject, keep])('an accepted path is accepted again as itself, %o', (options) => {
    fc.assert(
      fc.property(fc.oneof(trickyPath, plainPath), (raw) => {
        const first = parseTarget(raw, options);
        if (!first.ok) return;
        const second = parseTarget(first.value.path, options);
        expect(second).toEqual({ ok: true, value: { path: first.value.path, segments: first.value.segments } });
        expect(raw.startsWith(first.value.path)).toBe(true);
      }),
      { numRuns: 3000 },
    );
  });

  test('no accepted path changes when a server resolves, merges, decodes or cuts parameters', () => {
    fc.assert(
      fc.property(fc.oneof(trickyPath, plainPath), (raw) => {
        const target = parseTarget(raw, reject);
        if (!target.ok) return;
        const { path, segments } = target.value;
        // The URL parser of browsers and of Node: resolves dot segments, also encoded ones, and turns backslashes.
        expect(new URL(`http://h${path}`).pathname).toBe(path);
        expect(path.replace(/\/+/g, '/')).toBe(path);
        const decoded = `/${segments.join('/')}`;
        expect(decodePath(path)).toBe(decoded);
        // Decoded once more, it is the same or no escape at all.
        expect(decoded).not.toMatch(/%[0-9a-f]{2}/i);
        expect(decoded.split('/').filter((segment) => /^\.{1,2}(;|$)/.test(segment))).toEqual([]);
      }),
      { numRuns: 3000 },
    );
  });
});
