import { describe, expect, test } from 'vitest';
import { formatJoinToken, type JoinToken, MAX_JOIN_TOKEN_BYTES, parseJoinToken } from './join_token.ts';

const TOKEN: JoinToken = {
  secret: 'x'.repeat(43),
  trustDomain: 'demo.test',
  url: 'http://127.0.0.1:8440',
  rootDigest: 'ab'.repeat(32),
  releaseKeys: [{ kty: 'EC', kid: 'release' }],
  assertionKeys: [{ kty: 'EC', kid: 'assertion' }],
};
const encoded = (value: unknown) => `postern-join.${Buffer.from(JSON.stringify(value)).toString('base64url')}`;

const INGEST = { url: 'https://abc123.lambda-url.eu-central-1.on.aws', region: 'eu-central-1' };

test.each([
  ['one door for everything', TOKEN],
  ['a door for records of its own', { ...TOKEN, ingest: INGEST }],
  ['one below a path', { ...TOKEN, ingest: { ...INGEST, url: `${INGEST.url}/below/a` } }],
])('a token comes back as it was made: %s', (_, token) => {
  expect(parseJoinToken(formatJoinToken(token))).toEqual({ ok: true, value: token });
});

describe('an agent pins nothing from a token', () => {
  const without = (member: keyof JoinToken) => encoded({ ...TOKEN, [member]: undefined });
  const having = (change: object) => encoded({ ...TOKEN, ...change });
  const rows: [string, string][] = [
    ['that is empty', ''],
    ['of another kind', formatJoinToken(TOKEN).replace('postern-join.', 'postern-exit.')],
    ['with its kind in another case', formatJoinToken(TOKEN).replace('postern', 'Postern')],
    ['cut short', formatJoinToken(TOKEN).slice(0, -8)],
    ['that holds no JSON', 'postern-join.AAAA'],
    ['that holds null', encoded(null)],
    ['that holds a list', encoded([])],
    ...(Object.keys(TOKEN) as (keyof JoinToken)[]).map((member): [string, string] => [
      `without ${member}`,
      without(member),
    ]),
    ['with an empty secret', having({ secret: '' })],
    ['with a secret that is no text', having({ secret: 1 })],
    ['whose control plane is a file', having({ url: 'file:///etc/passwd' })],
    ['whose control plane is no URL', having({ url: 'https://' })],
    ['whose control plane has a path', having({ url: 'https://postern.demo.test/x?y' })],
    ['whose control plane has a password', having({ url: 'https://user:secret@postern.demo.test' })],
    ['whose control plane is a list of one', having({ url: [TOKEN.url] })],
    ['whose control plane is two lines', having({ url: `${TOKEN.url}\nx` })],
    ['with a root digest that is too short', having({ rootDigest: 'ab' })],
    ['with a root digest in upper case', having({ rootDigest: 'AB'.repeat(32) })],
    ['with a root digest in a list', having({ rootDigest: [TOKEN.rootDigest] })],
    ['with no release key, so that any release would do', having({ releaseKeys: [] })],
    ['with no assertion key, so that any feed would do', having({ assertionKeys: [] })],
    ['with a key that has no name', having({ releaseKeys: [{ kty: 'EC' }] })],
    ['with a key that is null', having({ assertionKeys: [null] })],
    ['whose control plane is elsewhere, in clear text', having({ url: 'http://postern.demo.test' })],
    ['whose control plane only begins like this machine', having({ url: 'http://127.0.0.1.demo.test' })],
    ['whose records go elsewhere in clear text', having({ ingest: { ...INGEST, url: 'http://abc123.test' } })],
    ['whose records go nowhere', having({ ingest: null })],
    ['whose records go to a name', having({ ingest: INGEST.url })],
    ['whose records go to no URL', having({ ingest: { ...INGEST, url: 'abc123' } })],
    ['whose records go to half a path', having({ ingest: { ...INGEST, url: `${INGEST.url}/` } })],
    ['whose records go to a query', having({ ingest: { ...INGEST, url: `${INGEST.url}/a?b` } })],
    ['whose records go up a path', having({ ingest: { ...INGEST, url: `${INGEST.url}/a/../b` } })],
    [
      'whose records go along with a password',
      having({ ingest: { ...INGEST, url: 'https://user:secret@abc123.test' } }),
    ],
    ['whose records go to a list', having({ ingest: { ...INGEST, url: [INGEST.url] } })],
    ['whose records go to a Region without a name', having({ ingest: { ...INGEST, region: '' } })],
    ['whose records go to no Region', having({ ingest: { url: INGEST.url } })],
    ['whose records go to a Region in capitals', having({ ingest: { ...INGEST, region: 'EU' } })],
    ['whose records go to a Region that is a list', having({ ingest: { ...INGEST, region: ['eu'] } })],
    ['whose records go to a Region of two lines', having({ ingest: { ...INGEST, region: 'eu\n' } })],
  ];
  test.each(rows)('%s', (_, text) => {
    const parsed = parseJoinToken(text);
    expect(parsed).toEqual({ ok: false, reason: 'join-token-malformed' });
  });

  test('that is larger than a token can be, on both sides of the bound', () => {
    const base = formatJoinToken({ ...TOKEN, secret: '' }).length;
    const secretOf = (bytes: number) => 'x'.repeat(Math.floor(((bytes - base) * 3) / 4));
    expect(parseJoinToken(formatJoinToken({ ...TOKEN, secret: secretOf(MAX_JOIN_TOKEN_BYTES) })).ok).toBe(true);
    expect(parseJoinToken(formatJoinToken({ ...TOKEN, secret: secretOf(MAX_JOIN_TOKEN_BYTES + 8) })).ok).toBe(false);
  });
});
