/** A control plane in a process of its own, for tests that kill it: `node run_local.ts FOLDER`; says where it listens. */
import { startLocal } from '../local.ts';

const local = await startLocal({
  dir: process.argv[2] as string,
  trustDomain: 'demo.test',
  port: 0,
  authorizePort: 0,
  log: () => {},
});
process.stdout.write(`${JSON.stringify({ url: local.url })}\n`);
