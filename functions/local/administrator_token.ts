/** The embedded default's one administrator: whoever can read the token file. */
import { createHash } from 'node:crypto';
import { constantTimeEqual } from '@postern/keys';
import type { VerifyAdministrator } from '../door/administrator.ts';

export function verifyAdministratorToken(expected: string): VerifyAdministrator {
  const digest = (text: string) => createHash('sha256').update(text).digest();
  const expectedDigest = digest(expected);
  return async (token) =>
    constantTimeEqual(digest(token), expectedDigest)
      ? { name: 'local-administrator', roles: ['security-administrator', 'operator', 'authority-operator', 'auditor'] }
      : undefined;
}
