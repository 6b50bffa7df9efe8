/**
 * The demo's policy repository, with what depends on this start put in: the provider's address, a zone where it is noon,
 * and who asks about payments, where that is not its proxy with its SVID.
 */
import { readdirSync, readFileSync } from 'node:fs';
import { join, relative } from 'node:path';

const FOLDER = join(import.meta.dirname, 'policies');
const ISSUER = 'http://127.0.0.1:8442';
const ZONE = 'timeZone: Etc/UTC';
const PAYMENTS_PROXY = 'enforcementPoints: [spiffe://demo.test/payments]';

/** Keys are paths relative to the repository. `paymentsProxy`: SPIFFE ID or IAM principal. */
export function readDemoPolicies(issuer: string, nowMs: number, paymentsProxy?: string): Map<string, string> {
  const files = new Map<string, string>();
  for (const entry of readdirSync(FOLDER, { recursive: true, withFileTypes: true })) {
    if (!entry.isFile()) continue;
    const path = join(entry.parentPath, entry.name);
    const text = readFileSync(path, 'utf8')
      .replaceAll(ISSUER, issuer)
      .replace(ZONE, `timeZone: ${zoneOfNoon(nowMs)}`)
      .replace(
        PAYMENTS_PROXY,
        paymentsProxy === undefined ? PAYMENTS_PROXY : `enforcementPoints: ['${paymentsProxy}']`,
      );
    files.set(relative(FOLDER, path), text);
  }
  return files;
}

/** The policy asks for business hours; the outcome of a demonstration must not depend on when it is given. */
export function zoneOfNoon(nowMs: number): string {
  const offset = 12 - new Date(nowMs).getUTCHours();
  // POSIX counts hours west of Greenwich: the sign is the other way round (tz database, file etcetera).
  return offset === 0 ? 'Etc/UTC' : `Etc/GMT${offset > 0 ? '-' : '+'}${Math.abs(offset)}`;
}
