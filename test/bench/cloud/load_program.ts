/**
 * A program of its own: loads the module FILE and prints the CPU that took, in µs, from after Node's own start. What a
 * function begins when it is loaded (its stores and keys, which are not there) is cut off.
 */
import { pathToFileURL } from 'node:url';
import { ownCpuUs } from '../measure/cpu_time.ts';

const file = pathToFileURL(process.argv[2] as string).href;
const startedUs = ownCpuUs();
await import(file);
process.stdout.write(`${ownCpuUs() - startedUs}\n`, () => process.exit());
