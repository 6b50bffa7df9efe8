import { principalOf } from '@postern/aws/lambda';
import { describe, expect, test } from 'vitest';
import { parseIamPrincipal } from './iam_principal.ts';

describe('an IAM principal', () => {
  const sso = 'aws-reserved/sso.amazonaws.com/eu-west-1/AWSReservedSSO_Admin_0123456789abcdef';
  test.each([
    ['arn:aws:iam::111122223333:role/proxy', 'arn:aws:sts::111122223333:assumed-role/proxy/i-0123456789'],
    ['arn:aws:iam::111122223333:role/team/a/proxy', 'arn:aws:sts::111122223333:assumed-role/proxy/i-0123456789'],
    [`arn:aws:iam::111122223333:role/${sso}`, `arn:aws:sts::111122223333:assumed-role/${sso.split('/').at(-1)}/anna`],
    ['arn:aws-cn:iam::111122223333:role/proxy', 'arn:aws-cn:sts::111122223333:assumed-role/proxy/session'],
    ['arn:aws:iam::111122223333:user/team/anna', 'arn:aws:iam::111122223333:user/team/anna'],
  ])('%s is who calls as %s', (arn, caller) => {
    const parsed = parseIamPrincipal(arn);
    expect(parsed.ok && parsed.value.arn).toBe(arn);
    expect(parsed.ok && parsed.value.principal).toBe(principalOf(caller));
  });

  test.each([
    ['everybody', '*', 'arn-pattern'],
    ['every role', 'arn:aws:iam::111122223333:role/*', 'arn-pattern'],
    ['some roles', 'arn:aws:iam::111122223333:role/prox?', 'arn-pattern'],
    ['an account', '111122223333', 'arn-account'],
    ['an account, as an ARN', 'arn:aws:iam::111122223333:root', 'arn-account'],
    ['a session, which ends', 'arn:aws:sts::111122223333:assumed-role/proxy/session', 'arn-session'],
    ['a service', 'lambda.amazonaws.com', 'arn-malformed'],
    ['a group, which calls nobody', 'arn:aws:iam::111122223333:group/admins', 'arn-malformed'],
    ['an account number of eleven digits', 'arn:aws:iam::11112222333:role/proxy', 'arn-malformed'],
    ['a role without a name', 'arn:aws:iam::111122223333:role/', 'arn-malformed'],
    ['a path that is not one', 'arn:aws:iam::111122223333:role//proxy', 'arn-malformed'],
    ['what follows a line break', 'arn:aws:iam::111122223333:role/proxy\n', 'arn-malformed'],
    ['nothing', '', 'arn-malformed'],
  ])('is not %s', (_what, text, reason) => {
    expect(parseIamPrincipal(text)).toMatchObject({ ok: false, reason });
  });
});
