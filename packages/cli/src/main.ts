#!/usr/bin/env node
/** `postern`. */
import { keepCompiledCode } from './code_cache.ts';

keepCompiledCode();
const [{ createProcessIo }, { runCli }] = await Promise.all([import('./io.ts'), import('./run_cli.ts')]);
// A reader that has seen enough (`| head`) is no fault.
process.stdout.on('error', (fault: NodeJS.ErrnoException) => process.exit(fault.code === 'EPIPE' ? 0 : 1));
const code = await runCli(process.argv.slice(2), createProcessIo());
// What failed halfway may have left a listener: nobody must be served by a control plane that did not start.
if (code !== 0) process.exit(code);
