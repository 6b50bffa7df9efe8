/**
 * `npm run conformance:cedar -- DIR|TAR.GZ...`: Cedar's integration corpus, in its own layout, against the engine. Prints
 * the disagreements and `N passed, N failed`; exit code 1 when something failed, 2 when nothing was given.
 */
import { openCorpus } from './archive.ts';
import { runCorpus } from './corpus.ts';

const MAX_SHOWN = 100;

const sources = process.argv.slice(2);
if (sources.length === 0) {
  console.error('usage: npm run conformance:cedar -- DIR|TAR.GZ...');
  process.exit(2);
}
const { passed, disagreements } = runCorpus(sources.map(openCorpus));
for (const line of disagreements.slice(0, MAX_SHOWN)) console.log(line);
if (disagreements.length > MAX_SHOWN) console.log(`… and ${disagreements.length - MAX_SHOWN} more`);
console.log(`${passed} passed, ${disagreements.length} failed`);
process.exitCode = disagreements.length === 0 && passed > 0 ? 0 : 1;
