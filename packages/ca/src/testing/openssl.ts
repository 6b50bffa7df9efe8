/** OpenSSL's command line as a second opinion. */
import { execFileSync } from 'node:child_process';

/** Why there is no second opinion here; undefined when there is one. In CI its absence is a failure. */
export const missingOpenSsl: string | undefined =
  findOpenSsl() || process.env['CI'] === 'true' ? undefined : 'openssl is not installed';

export function openSsl(args: readonly string[], input?: Uint8Array): Buffer {
  return execFileSync('openssl', args, { input, stdio: ['pipe', 'pipe', 'pipe'] });
}

function findOpenSsl(): boolean {
  try {
    execFileSync('openssl', ['version'], { stdio: 'ignore' });
    return true;
  } catch {
    return false;
  }
}
