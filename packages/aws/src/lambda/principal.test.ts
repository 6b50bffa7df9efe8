import { describe, expect, test } from 'vitest';
import { principalOf } from './principal.ts';

const account = '123456789012';

describe('a principal is the one that configuration names', () => {
  test.each([
    [`arn:aws:sts::${account}:assumed-role/gateway/i-0123`, `arn:aws:iam::${account}:role/gateway`],
    [`arn:aws:sts::${account}:assumed-role/gateway/anybody@example.org`, `arn:aws:iam::${account}:role/gateway`],
    [`arn:aws-us-gov:sts::${account}:assumed-role/a/bb`, `arn:aws-us-gov:iam::${account}:role/a`],
    [`arn:aws-cn:sts::${account}:assumed-role/a/bb`, `arn:aws-cn:iam::${account}:role/a`],
    [`arn:aws:iam::${account}:user/ann`, `arn:aws:iam::${account}:user/ann`],
    [`arn:aws:iam::${account}:user/team/of three/ann`, undefined],
    [`arn:aws:iam::${account}:user/team/ann`, `arn:aws:iam::${account}:user/team/ann`],
  ])('%s', (userArn, principal) => {
    expect(principalOf(userArn)).toBe(principal);
  });
});

describe('nobody’s name passes for a principal', () => {
  test.each([
    ['the root user', `arn:aws:iam::${account}:root`],
    ['a federated user', `arn:aws:sts::${account}:federated-user/ann`],
    ['a role as configuration names it, which no caller is', `arn:aws:iam::${account}:role/gateway`],
    ['a session that holds a slash', `arn:aws:sts::${account}:assumed-role/gateway/a/b`],
    ['a role without a session', `arn:aws:sts::${account}:assumed-role/gateway`],
    ['an account that is none', 'arn:aws:sts::12345678901:assumed-role/gateway/aa'],
    ['another partition', `arn:evil:sts::${account}:assumed-role/gateway/aa`],
    ['a line behind it', `arn:aws:sts::${account}:assumed-role/gateway/aa\n`],
    ['a line in front of it', `x\narn:aws:iam::${account}:user/ann`],
    ['nothing', ''],
    ['a name longer than IAM’s', `arn:aws:sts::${account}:assumed-role/${'x'.repeat(65)}/aa`],
  ])('%s', (_what, userArn) => {
    expect(principalOf(userArn)).toBeUndefined();
  });
});
