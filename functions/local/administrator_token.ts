/** The embedded default's one administrator: whoever can read the token file. */
import { createHash } from 'node:crypto';
import { constantTimeEqual } from '@postern/keys';
import type { VerifyAdministrator } from '../door/administrator.ts';

const LEAST_TOKEN_LENGTH = 32;

/** Throws for an expected token that could be guessed, the empty one above all: it is what a call without one shows. */
export function verifyAdministratorToken(expected: string): VerifyAdministrator {
  if (expected.length < LEAST_TOKEN_LENGTH) throw new RangeError('an administrator token is longer');
  const digest = (text: string) => createHash('sha256').update(text).digest();
  const expectedDigest = digest(expected);
  return async ({ token }) =>
    constantTimeEqual(digest(token), expectedDigest)
      ? { name: 'local-administrator', roles: ['security-administrator', 'operator', 'authority-operator', 'auditor'] }
      : undefined;
}
