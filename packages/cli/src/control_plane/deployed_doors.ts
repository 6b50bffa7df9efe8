/** A deployed control plane: one function URL for each kind of work, guarded by IAM. Who calls is who signs. */
import { PATHS } from '@postern/api';
import type { Cli } from '../cli.ts';
import { CommandFailure } from '../failure.ts';
import { createSignedFetch } from '../signed_fetch.ts';
import { type DoorName, loadDeployment } from './deployment_file.ts';
import type { Doors, ForeignAnswer } from './doors.ts';
import { platformRefusal, quoted } from './platform_refusal.ts';

/** Which function answers what lies at or below a path; every other path is `admin`'s. */
const BELOW: readonly (readonly [path: string, door: DoorName])[] = [
  [PATHS.admin.releases, 'PublishUrl'],
  [PATHS.admin.records, 'AuditUrl'],
  [PATHS.admin.trail, 'AuditUrl'],
];

/** Reads the file; credentials are looked for by the first call. */
export function openDeployedDoors(cli: Cli, { file }: { readonly file: string }): Doors {
  const { urls, stack, region } = loadDeployment(cli, file);
  return {
    url: urls.AdminUrl,
    deployment: { stack, region },
    originOf: (target) => urls[doorOf(target)],
    send: createSignedFetch(region, credentialsMissing),
    advice: {
      'not-authenticated': 'give this AWS identity a role in `administrators` of the deployment',
      'not-permitted': 'ask for another role in `administrators` of the deployment; trying again will not help',
      'control-plane-unreachable': 'check that the deployment in the file still exists, and the way there',
      'answer-malformed': 'look at the log of the function, and whether the file is of this deployment',
    },
    failureOf: foreignFailure,
  };
}

export function doorOf(target: string): DoorName {
  const path = target.replace(/\?.*$/s, '');
  return BELOW.find(([below]) => path === below || path.startsWith(`${below}/`))?.[1] ?? 'AdminUrl';
}

function credentialsMissing(cause: unknown): CommandFailure {
  return new CommandFailure(
    'denied',
    'credentials-missing',
    'there are no AWS credentials to sign with',
    'sign in (aws sso login), name a profile in AWS_PROFILE, or run this where a role is given',
    { cause },
  );
}

/** The platform answers by itself when it lets nobody in, or when the function cannot run. */
function foreignFailure({ url, status, body }: ForeignAnswer): CommandFailure | undefined {
  const message = body?.['Message'] ?? body?.['message'];
  const said = typeof message === 'string' ? message : '';
  if (status === 403) return platformRefusal(url, said);
  if (status === 429 || status >= 500)
    return new CommandFailure(
      'unavailable',
      'function-unavailable',
      `\`${url}\` cannot run its function (status ${status})${quoted(said)}`,
      'try again in a moment; when it stays so, look at the log of the function',
    );
  return undefined;
}
