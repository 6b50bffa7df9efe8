/** CPU that loading a function's bundle costs in a fresh process, each beside a handler that does nothing. */
import { execFile } from 'node:child_process';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import type { Bundle } from '@postern/cdk/bundle/bundle_function';
import { ADMINISTERED, keyVariable, secretVariable, VARIABLES } from '@postern/functions/environment';
import { alternate } from '../measure/alternate.ts';
import type { Measurement } from '../measure/measurement.ts';

const PROGRAM = join(import.meta.dirname, 'load_program.ts');
export const EMPTY = 'empty handler';
const run = promisify(execFile);

/** In ms, by function, with `EMPTY` beside them. `folder`: of this run's own. */
export async function measureLoads(
  bundles: readonly Bundle[],
  folder: string,
  rounds: number,
): Promise<{ readonly [name: string]: Measurement }> {
  const empty = join(folder, 'empty.mjs');
  await writeFile(empty, 'export const handler = async () => ({ statusCode: 200 });\n');
  const load = (file: string) => async () =>
    Number((await run(process.execPath, [PROGRAM, file], { env: ENVIRONMENT })).stdout) / 1000;
  return alternate(
    [
      { name: EMPTY, run: load(empty) },
      ...bundles.map((bundle) => ({ name: bundle.name as string, run: load(join(bundle.folder, 'index.mjs')) })),
    ],
    rounds,
  );
}

const KEYS = ['root', 'issuer', 'jwt', 'release', 'assertion', 'entries', 'facts', 'acme'] as const;
const NOWHERE = 'http://127.0.0.1:9';
const PRINCIPAL = 'arn:aws:iam::111122223333:role/a';

/** As a deployment sets it; what it names is not there. */
const ENVIRONMENT: NodeJS.ProcessEnv = {
  PATH: process.env['PATH'],
  AWS_REGION: 'eu-central-1',
  AWS_ACCESS_KEY_ID: 'none',
  AWS_SECRET_ACCESS_KEY: 'none',
  AWS_ENDPOINT_URL: NOWHERE,
  [VARIABLES.trustDomain]: 'bench.test',
  [VARIABLES.url]: NOWHERE,
  [VARIABLES.table]: 'postern',
  [VARIABLES.bucket]: 'postern',
  [VARIABLES.rotateUrl]: NOWHERE,
  [VARIABLES.issueUrl]: NOWHERE,
  [VARIABLES.ingestUrl]: NOWHERE,
  [VARIABLES.functionPrincipals]: JSON.stringify({ [PRINCIPAL]: [...ADMINISTERED][0] }),
  [VARIABLES.administrators]: JSON.stringify({ [PRINCIPAL]: ['auditor'] }),
  [secretVariable('posture-webhook')]: 'arn:aws:secretsmanager:eu-central-1:111122223333:secret:a',
  ...Object.fromEntries(KEYS.map((key) => [keyVariable(key), `arn:aws:kms:eu-central-1:111122223333:key/${key}`])),
};
