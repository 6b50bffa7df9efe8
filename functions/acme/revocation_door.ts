/** Taking a certificate back (RFC 8555 7.6): by the account that has it, or by its own key. The authority looks at both. */
import { PATHS } from '@postern/api';
import type { AcmePorts } from './ports.ts';
import { refusalOf } from './refusals.ts';
import type { SignedDoors } from './signed_doors.ts';

/** By a certificate's own key without a spent nonce: shown again, the request finds the certificate revoked already. */
export function mountRevocationDoor(doors: SignedDoors, { authority }: AcmePorts): void {
  doors.either(PATHS.acme.revokeCert, async (call) => {
    const binding = 'account' in call ? call.account.binding : undefined;
    const revoked = await authority.revoke(call.compact, binding);
    return revoked.ok ? { status: 200 } : refusalOf(revoked.reason);
  });
}
