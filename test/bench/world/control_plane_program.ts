/** A program of its own: the whole control plane on the embedded store below DIR, until SIGTERM. Prints where it is. */
import { keepCompiledCode } from '@postern/cli/code_cache';
import type { ControlPlaneReady } from './control_plane.ts';

// As `postern start` does.
keepCompiledCode();
const { startLocal } = await import('@postern/functions/local');
const [dir, trustDomain] = process.argv.slice(2) as [string, string];
const local = await startLocal({
  dir,
  trustDomain,
  port: 0,
  authorizePort: 0,
  log: (level, event, fields) => {
    if (level === 'error') process.stderr.write(`${event} ${JSON.stringify(fields ?? {})}\n`);
  },
});
process.once('SIGTERM', () => void local.stop().then(() => process.exit(0)));
const { trust, administratorTokenFile, postureSecretFile } = local;
const ready: ControlPlaneReady = { trust, administratorTokenFile, postureSecretFile };
process.stdout.write(`ready ${JSON.stringify(ready)}\n`);
