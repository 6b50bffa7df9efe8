/**
 * `npm run conformance:cedar -- DIR|TAR.GZ...`: Cedar's integration corpus, in its own layout, against the engine. Prints
 * the disagreements and `N passed, N failed`; exit code 1 when something failed, 2 when nothing was given.
 */
import { endMistaken, readCommandLine } from '../../kit/command_line.ts';
import { type CorpusFiles, openCorpus } from './archive.ts';
import { runCorpus } from './corpus.ts';

const MAX_SHOWN = 100;

const program = {
  name: 'npm run conformance:cedar',
  options: {},
  words: 'any',
  usage: `npm run conformance:cedar -- DIR|TAR.GZ…

Cedar's integration corpus, in its own layout, against the engine. Prints the disagreements, then
\`N passed, N failed\`: of several folders or archives for each, and in all.

  --help  this text

Examples:
  npm run conformance:cedar -- /tmp/cedar-integration-tests
  npm run conformance:cedar -- /tmp/cedar-integration-tests/corpus-tests.tar.gz

Exit codes: 0 when all pass, 1 otherwise, 2 for a mistake in the command line.
`,
} as const;
const { words: sources } = readCommandLine(program);
if (sources.length === 0) endMistaken(program, 'the corpus is not named');
const corpora = sources.map(openNamed);
let [allPassed, allFailed] = [0, 0];
for (const corpus of corpora) {
  const { passed, disagreements } = runCorpus([corpus], corpora);
  for (const line of disagreements.slice(0, MAX_SHOWN)) console.log(line);
  if (disagreements.length > MAX_SHOWN) console.log(`… and ${disagreements.length - MAX_SHOWN} more`);
  if (sources.length > 1) console.log(`${corpus.source}: ${counts(passed, disagreements.length)}`);
  allPassed += passed;
  allFailed += disagreements.length;
}
console.log(counts(allPassed, allFailed));
process.exitCode = allFailed === 0 && allPassed > 0 ? 0 : 1;

function openNamed(source: string): CorpusFiles {
  try {
    return openCorpus(source);
  } catch (fault) {
    const { code = 'no gzipped tar archive' } = fault as NodeJS.ErrnoException;
    return endMistaken(program, `the corpus \`${source}\` cannot be read: ${code}`);
  }
}

function counts(passed: number, failed: number): string {
  return `${passed} passed, ${failed} failed${passed + failed === 0 ? ': nothing there is a case' : ''}`;
}
