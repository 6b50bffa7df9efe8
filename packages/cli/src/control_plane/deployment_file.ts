/** Where a deployed control plane is: the file that `cdk deploy --outputs-file FILE` writes. */
import { readFileSync, statSync } from 'node:fs';
import { resolve } from 'node:path';
import type { Cli } from '../cli.ts';
import { CommandFailure } from '../failure.ts';
import { printable } from '../terminal_text.ts';
import { checkBaseUrl, type Deployment } from './doors.ts';

/** A function URL by what it answers. */
export type DoorName = 'AdminUrl' | 'PublishUrl' | 'AuditUrl' | 'AuthorizeUrl';
const DOORS: readonly DoorName[] = ['AdminUrl', 'PublishUrl', 'AuditUrl', 'AuthorizeUrl'];
const OUTPUTS = [...DOORS, 'Region'] as const;

export interface DeploymentFile extends Deployment {
  /** Base URLs: an origin, and a path where there is one. */
  readonly urls: { readonly [D in DoorName]: string };
}

const MAX_BYTES = 1024 * 1024;
const REGION = /^[a-z0-9-]{1,32}$/;
const ADVICE = 'write it with: npx cdk deploy --outputs-file FILE';

/** `file`: relative to where the command runs. Exactly one of its stacks has all outputs of a control plane. */
export function loadDeployment({ io }: Cli, file: string): DeploymentFile {
  const path = resolve(io.folder, file);
  const stacks = Object.entries(loadObject(path)).filter(([, outputs]) => isControlPlane(outputs));
  const [first, ...others] = stacks as [string, { readonly [O in (typeof OUTPUTS)[number]]: string }][];
  if (first === undefined) throw malformed(`\`${path}\` has no stack with the outputs ${OUTPUTS.join(', ')}`, ADVICE);
  if (others.length > 0)
    throw malformed(
      `\`${path}\` has several control planes: ${printable(stacks.map(([name]) => name.slice(0, 128)).join(' '))}`,
      'keep one deployment in a file: npx cdk deploy STACK --outputs-file FILE',
    );
  const [stack, outputs] = first;
  if (!REGION.test(outputs.Region)) throw malformed(`the Region in \`${path}\` is none`, ADVICE);
  const baseUrlOf = (door: DoorName) =>
    checkBaseUrl(outputs[door], { sent: 'what you ask', advice: `look at ${door} in the file, or ${ADVICE}` });
  const urls = Object.fromEntries(DOORS.map((door) => [door, baseUrlOf(door)]));
  return { stack, region: outputs.Region, urls: urls as DeploymentFile['urls'] };
}

function isControlPlane(outputs: unknown): boolean {
  return (
    typeof outputs === 'object' &&
    outputs !== null &&
    OUTPUTS.every((name) => Object.hasOwn(outputs, name) && typeof (outputs as never)[name] === 'string')
  );
}

function loadObject(path: string): object {
  let value: unknown;
  try {
    if (statSync(path).size > MAX_BYTES) throw malformed(`\`${path}\` is larger than ${MAX_BYTES} bytes`, ADVICE);
    value = JSON.parse(readFileSync(path, 'utf8'));
  } catch (cause) {
    if (cause instanceof CommandFailure) throw cause;
    const { code } = cause as NodeJS.ErrnoException;
    if (code === undefined) throw malformed(`\`${path}\` is not JSON`, ADVICE, cause);
    throw new CommandFailure('usage', 'file-unreadable', `\`${path}\` cannot be read: ${code}`, ADVICE, { cause });
  }
  if (typeof value !== 'object' || value === null || Array.isArray(value))
    throw malformed(`\`${path}\` is not a file of stacks and their outputs`, ADVICE);
  return value;
}

function malformed(message: string, advice: string, cause?: unknown): CommandFailure {
  return new CommandFailure('usage', 'deployment-malformed', message, advice, { cause });
}
