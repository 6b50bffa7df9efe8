/** Tokens of STS `GetWebIdentityToken`, in the layout that AWS documents; the issuers' keys as AWS publishes them. */
import * as jose from 'jose';
import { beforeEach, describe, expect, test } from 'vitest';
import type { AttestorInstance } from './attestor_instance.ts';
import { type AttestWorld, AUDIENCE, createAttestWorld, createIssuerKey, THUMBPRINT } from './testing/attest_world.ts';

const ACCOUNT = '123456789012';
const OTHER_ACCOUNT = '210987654321';
const ISSUER = 'https://11111111-2222-3333-4444-555555555555.tokens.sts.global.api.aws';
const OTHER_ISSUER = 'https://99999999-2222-3333-4444-555555555555.tokens.sts.global.api.aws';
const NAMESPACE = 'https://sts.amazonaws.com/';
/** RSA keys of STS name no algorithm. */
const { alg: _, ...unnamed } = createIssuerKey('RSA_0', 'RS256').jwk;
const key = createIssuerKey('EC384_0', 'ES384');
const otherKey = createIssuerKey('EC384_0', 'ES384');

let world: AttestWorld;
let nowSeconds: number;
let sts: AttestorInstance;
beforeEach(() => {
  world = createAttestWorld();
  nowSeconds = Math.floor(world.clock.nowMs() / 1000);
  world.issuers.set(ISSUER, [unnamed, key.jwk]);
  world.issuers.set(OTHER_ISSUER, [otherKey.jwk]);
  sts = world.instance({
    kind: 'aws-sts',
    issuers: { [ACCOUNT]: ISSUER, [OTHER_ACCOUNT]: OTHER_ISSUER },
    organization: 'o-abc1234567',
  });
});

const own = (change: object = {}) => ({
  aws_account: ACCOUNT,
  source_region: 'us-east-1',
  org_id: 'o-abc1234567',
  ou_path: 'o-a1b2c3d4e5/r-ab12/ou-ab12-11111111/ou-ab12-22222222/',
  principal_tags: { environment: 'production', team: 'data engineering' },
  lambda_source_function_arn: `arn:aws:lambda:us-east-1:${ACCOUNT}:function:process-data`,
  request_tags: { team: 'whatever the caller says' },
  ...change,
});
const claims = (change: object = {}, inside: object = {}): jose.JWTPayload => ({
  iss: ISSUER,
  aud: `${AUDIENCE}#${THUMBPRINT}`,
  sub: `arn:aws:iam::${ACCOUNT}:role/service/DataProcessingRole`,
  iat: nowSeconds,
  exp: nowSeconds + 300,
  jti: 'xyz123-def456-ghi789-jkl012',
  [NAMESPACE]: own(inside),
  ...change,
});
const sign = (payload: jose.JWTPayload, by = key.privateKey): Promise<string> =>
  new jose.SignJWT(payload).setProtectedHeader({ alg: 'ES384', kid: 'EC384_0', typ: 'JWT' }).sign(by);

test('a Lambda function is its account, role and name, and the tags of its role', async () => {
  expect(await world.show(sts, { proof: await sign(claims()) })).toEqual([
    `aws:account:${ACCOUNT}`,
    `aws:arn:arn:aws:iam::${ACCOUNT}:role/service/DataProcessingRole`,
    'aws:function:process-data',
    'aws:organization:o-abc1234567',
    'aws:ou:o-a1b2c3d4e5/r-ab12/ou-ab12-11111111/ou-ab12-22222222/',
    'aws:region:us-east-1',
    'aws:role:DataProcessingRole',
    'aws:tag:environment:production',
    'aws:tag:team:data%20engineering',
  ]);
});

test('a token for this deployment whose request tag names the key is for that key too', async () => {
  const tagged = (thumbprint: string) => claims({ aud: AUDIENCE }, { request_tags: { 'postern-key': thumbprint } });
  expect(await world.show(sts, { proof: await sign(tagged(THUMBPRINT)) })).toContain('aws:role:DataProcessingRole');
  expect(await world.show(sts, { proof: await sign(tagged('another')) })).toBe('proof-key');
});

describe('no identity comes from', () => {
  const rows: [what: string, reason: string, make: () => Promise<string> | string][] = [
    ['a token for any key', 'proof-key', () => sign(claims({ aud: AUDIENCE }))],
    ['a token for another key', 'proof-key', () => sign(claims({ aud: `${AUDIENCE}#another` }))],
    ['a token for another deployment', 'token-audience', () => sign(claims({ aud: `https://b.test#${THUMBPRINT}` }))],
    [
      'a token for two deployments',
      'token-audience',
      () => sign(claims({ aud: [`${AUDIENCE}#${THUMBPRINT}`, 'https://b.test'] })),
    ],
    [
      'an account that is not registered',
      'account-not-admitted',
      () => sign(claims({ sub: 'arn:aws:iam::333333333333:role/a' }, { aws_account: '333333333333' })),
    ],
    ['an account that every object has', 'account-not-admitted', () => sign(claims({}, { aws_account: 'toString' }))],
    ['a token without account', 'account-not-admitted', () => sign(claims({ [NAMESPACE]: {} }))],
    [
      'an issuer that speaks for another account',
      'token-issuer',
      () => sign(claims({ iss: OTHER_ISSUER }), otherKey.privateKey),
    ],
    ['another account’s key under this issuer’s name', 'token-signature', () => sign(claims(), otherKey.privateKey)],
    [
      'a role of another account',
      'token-claims',
      () => sign(claims({ sub: `arn:aws:iam::${OTHER_ACCOUNT}:role/DataProcessingRole` })),
    ],
    ['a root user', 'token-claims', () => sign(claims({ sub: `arn:aws:iam::${ACCOUNT}:root` }))],
    ['another organisation', 'organization-not-admitted', () => sign(claims({}, { org_id: 'o-zzz1234567' }))],
    ['no organisation', 'organization-not-admitted', () => sign(claims({}, { org_id: undefined }))],
    ['a token of an hour ago', 'token-too-old', () => sign(claims({ iat: nowSeconds - 3600, exp: nowSeconds + 60 }))],
    ['an expired one', 'token-expired', () => sign(claims({ iat: nowSeconds - 200, exp: nowSeconds - 100 }))],
    [
      'a MAC, as the stand-in of AWS makes them',
      'token-algorithm',
      () =>
        new jose.SignJWT(claims())
          .setProtectedHeader({ alg: 'HS256', typ: 'JWT' })
          .sign(Buffer.from('ministack-fake-key-of-32-bytes!!')),
    ],
  ];
  test.each(rows)('%s', async (_what, reason, make) => {
    expect(await world.show(sts, { proof: await make() })).toBe(reason);
  });

  test('a token that was shown before', async () => {
    const proof = await sign(claims());
    await world.show(sts, { proof });
    expect(await world.show(sts, { proof })).toBe('proof-replayed');
  });
});

test('a function or machine of another account gives no name, and request tags give no selector', async () => {
  const inside = {
    lambda_source_function_arn: `arn:aws:lambda:us-east-1:${OTHER_ACCOUNT}:function:process-data`,
    ec2_source_instance_arn: `arn:aws:ec2:us-east-1:${OTHER_ACCOUNT}:instance/i-0abc123def4567890`,
  };
  const selectors = await world.show(sts, { proof: await sign(claims({}, inside)) });
  expect(selectors).not.toContain('aws:function:process-data');
  expect(String(selectors)).not.toMatch(/aws:instance|whatever/);
});
