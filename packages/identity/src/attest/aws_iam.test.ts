import { createHash } from 'node:crypto';
import { beforeEach, describe, expect, test } from 'vitest';
import type { AttestorInstance } from './attestor_instance.ts';
import { type AttestWorld, createAttestWorld, evidenceOf } from './testing/attest_world.ts';

const ROLE = 'arn:aws:iam::123456789012:role/orders-function';
let world: AttestWorld;
let iam: AttestorInstance;
beforeEach(() => {
  world = createAttestWorld();
  iam = world.instance({ kind: 'aws-iam', accounts: ['123456789012'] });
});

const withBody = (body: string) => ({
  ...evidenceOf({}).call,
  bodyDigest: createHash('sha256').update(body).digest(),
});

test('a role is its account, its name and its ARN', async () => {
  expect(await world.show(iam, { principal: ROLE })).toEqual([
    'aws:account:123456789012',
    `aws:arn:${ROLE}`,
    'aws:role:orders-function',
  ]);
  const user = 'arn:aws-us-gov:iam::123456789012:user/team/ann';
  expect(await world.show(iam, { principal: user })).toContain('aws:user:ann');
});

describe('nobody is let in by', () => {
  test.each([
    ['a call that the platform did not authenticate', undefined, 'principal-missing'],
    ['a role of another account', 'arn:aws:iam::210987654321:role/orders-function', 'account-not-admitted'],
    ['the root user', 'arn:aws:iam::123456789012:root', 'principal-not-admitted'],
    ['a session', 'arn:aws:sts::123456789012:assumed-role/a/b', 'principal-not-admitted'],
    ['a name with a newline', `${ROLE}\n`, 'principal-not-admitted'],
    ['a text', 'admin', 'principal-not-admitted'],
  ])('%s', async (_, principal, reason) => {
    expect(await world.show(iam, { principal })).toBe(reason);
  });

  test('what the body says of the caller', async () => {
    expect(await world.show(iam, { proof: ROLE })).toBe('principal-missing');
  });

  test('the same signed call again', async () => {
    await world.show(iam, { principal: ROLE, call: withBody('a') });
    expect(await world.show(iam, { principal: ROLE, call: withBody('a') })).toBe('proof-replayed');
    expect(await world.show(iam, { principal: ROLE, call: withBody('b') })).toContain('aws:role:orders-function');
  });
});
