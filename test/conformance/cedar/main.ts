/**
 * `npm run conformance:cedar -- DIR|TAR.GZ...`: Cedar's integration corpus, in its own layout, against the engine. Prints
 * the disagreements and `N passed, N failed`; exit code 1 when something failed, 2 when nothing was given.
 */
import { endMistaken, readCommandLine } from '../../kit/command_line.ts';
import { openCorpus } from './archive.ts';
import { runCorpus } from './corpus.ts';

const MAX_SHOWN = 100;

const program = {
  name: 'npm run conformance:cedar',
  options: {},
  words: 'any',
  usage: `npm run conformance:cedar -- DIR|TAR.GZ…

Cedar's integration corpus, in its own layout, against the engine. Prints the disagreements, then
\`N passed, N failed\`.

  --help  this text

Examples:
  npm run conformance:cedar -- /tmp/cedar-integration-tests
  npm run conformance:cedar -- /tmp/cedar-integration-tests/corpus-tests.tar.gz

Exit codes: 0 when all pass, 1 otherwise, 2 for a mistake in the command line.
`,
} as const;
const { words: sources } = readCommandLine(program);
if (sources.length === 0) endMistaken(program, 'the corpus is not named');
const { passed, disagreements } = runCorpus(sources.map(openCorpus));
for (const line of disagreements.slice(0, MAX_SHOWN)) console.log(line);
if (disagreements.length > MAX_SHOWN) console.log(`… and ${disagreements.length - MAX_SHOWN} more`);
console.log(`${passed} passed, ${disagreements.length} failed`);
process.exitCode = disagreements.length === 0 && passed > 0 ? 0 : 1;
