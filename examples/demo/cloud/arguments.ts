/** The command line of `npm run deploy:local`. */
import { parseCommandLine } from '../../../test/kit/command_line.ts';

export interface CloudArguments {
  /** Stays up after the run. */
  readonly keep: boolean;
  /** One JSON document on stdout; the account goes to stderr. */
  readonly json: boolean;
}

export const CLOUD_USAGE = `npm run deploy:local [-- OPTIONS]

Deploys Postern with the CDK to a stand-in for AWS on this machine (MiniStack),
seeds the demo's trust domain with \`postern\`, and runs the main job against the
deployed functions: SVIDs from \`issue\`, decisions of \`authorize\` behind its
function URL and of a node agent, each compared with its declared outcome.
Needs no AWS account and calls none.

  --keep  stay up until Ctrl-C, and say what to type next
  --json  one JSON document on stdout, the account on stderr
  --help  this text

Examples:
  npm run deploy:local
  npm run deploy:local -- --keep
  npm run --silent deploy:local -- --json | jq '.checks[] | select(.ok == false)'

Exit codes: 0 as declared, 1 otherwise, 2 for a mistake in the command line.
`;

export function parseCloudArguments(args: readonly string[]): CloudArguments | 'help' {
  const options = { keep: { type: 'boolean', default: false }, json: { type: 'boolean', default: false } } as const;
  const parsed = parseCommandLine({ options }, args);
  return parsed === 'help' ? parsed : { keep: parsed.values.keep, json: parsed.values.json };
}
