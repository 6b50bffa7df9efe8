/** A request in the words of the command line: which options there are, which go together, and what they say. */
import { type Command, Option } from 'commander';
import { CommandFailure } from './failure.ts';
import { collect, parseDuration, parseNumber } from './option_values.ts';

export interface RequestOptions {
  readonly test?: string;
  readonly request?: string;
  readonly records?: string;
  readonly line?: number;
  readonly service?: string;
  readonly method?: string;
  readonly target?: string;
  readonly host?: string;
  readonly at?: string;
  readonly workload?: string;
  readonly assurance?: string;
  readonly sourceIp?: string;
  readonly user?: string;
  readonly issuer?: string;
  readonly email?: string;
  readonly group?: readonly string[];
  readonly signedInAgo?: number;
  readonly acr?: string;
  readonly amr?: readonly string[];
  readonly device?: DeviceState;
  readonly managed?: true;
  readonly diskEncrypted?: boolean;
  readonly platform?: string;
  readonly osVersion?: string;
}

/** What a source says of the device; `unknown`: the token names one that no source reports on. */
type DeviceState = 'compliant' | 'non-compliant' | 'unknown';

const DEVICES: { readonly [S in DeviceState]: object } = {
  compliant: { compliant: true },
  'non-compliant': { compliant: false },
  unknown: {},
};

/** In the order in which each is asked for: the first that is missing is named. */
const NEEDED: { readonly [option in keyof RequestOptions]: readonly (keyof RequestOptions)[] } = {
  line: ['records'],
  method: ['service'],
  target: ['service'],
  host: ['service'],
  at: ['service'],
  workload: ['service'],
  assurance: ['service', 'workload'],
  sourceIp: ['service'],
  user: ['service'],
  issuer: ['service', 'user'],
  email: ['service', 'user'],
  group: ['service', 'user'],
  signedInAgo: ['service', 'user'],
  acr: ['service', 'user', 'signedInAgo'],
  amr: ['service', 'user', 'signedInAgo'],
  device: ['service', 'user'],
  managed: ['service', 'user', 'device'],
  diskEncrypted: ['service', 'user', 'device'],
  platform: ['service', 'user', 'device'],
  osVersion: ['service', 'user', 'device'],
};

/** What only a source that reports on the device can say. */
const OF_POSTURE = ['managed', 'diskEncrypted', 'platform', 'osVersion'] as const;

export function addRequestOptions(command: Command): Command {
  return command
    .option('--test <name>', 'the request of a test in the repository')
    .option('--request <file>', 'a request with the keys of a test, in YAML or JSON; `at` is now when left out')
    .option('--records <file>', 'a file of recorded inputs, with --line')
    .option('--line <number>', 'which of them, as `policy replay` names it', parseNumber(1, Number.MAX_SAFE_INTEGER))
    .option('--service <name>', 'or by options: the service that is called')
    .option('--method <method>', 'its method; GET when left out')
    .option('--target <target>', 'its path')
    .option('--host <host>', 'its host; the first of the service when left out')
    .option('--at <instant>', 'such as 2026-01-05T12:00:00Z; now when left out')
    .option('--workload <spiffe-id>', 'the calling workload')
    .option('--assurance <kind>', 'how it is known; `certificate` when left out')
    .option('--source-ip <address>', 'where the call comes from')
    .option('--user <subject>', 'the person behind it')
    .option('--issuer <url>', 'whose token names the person; the one that `postern.yaml` declares when left out')
    .option('--email <address>', 'of the person')
    .option('--group <name>', 'a group of the person; may be given more than once', collect)
    .option('--signed-in-ago <duration>', 'when the person signed in', parseDuration)
    .option('--acr <value>', 'how strongly, with --signed-in-ago')
    .option('--amr <value>', 'by what, such as `otp`, with --signed-in-ago; may be given more than once', collect)
    .addOption(new Option('--device <state>', 'the person’s device').choices(Object.keys(DEVICES)))
    .option('--managed', 'it is managed')
    .option('--disk-encrypted', 'its disk is encrypted')
    .option('--no-disk-encrypted', 'its disk is not; left out, the source does not say')
    .option('--platform <name>', 'its platform')
    .option('--os-version <version>', 'the version of its operating system');
}

/** Refuses an option that would be passed over: the answer would be to another question than was asked. */
export function checkTogether(options: RequestOptions): void {
  for (const [option, needed] of Object.entries(NEEDED) as [keyof RequestOptions, (keyof RequestOptions)[]][]) {
    const missing = options[option] === undefined ? undefined : needed.find((other) => options[other] === undefined);
    if (missing !== undefined)
      throw usage(
        `${flagOf(option)} says nothing without ${flagOf(missing)}`,
        `leave it out, or add ${flagOf(missing)}`,
      );
  }
  const posture = OF_POSTURE.find((option) => options[option] !== undefined);
  if (options.device === 'unknown' && posture !== undefined)
    throw usage(`${flagOf(posture)} says nothing of a device that no source reports on`, 'name another --device');
}

function usage(message: string, advice: string): CommandFailure {
  return new CommandFailure('usage', 'option-missing', message, advice);
}

function flagOf(option: string): string {
  return `--${option.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`)}`;
}

/** The request with the keys of a test. */
export function describedBy(options: RequestOptions): object {
  const { service, method = 'GET', target = '/', host, at, workload, assurance, sourceIp, user, device } = options;
  const { issuer, email, group: groups, signedInAgo: signedInSecondsAgo, acr, amr } = options;
  const { managed, diskEncrypted, platform, osVersion } = options;
  return present({
    service,
    method,
    target,
    host,
    at,
    workload,
    assurance,
    sourceIp,
    user:
      user === undefined ? undefined : present({ subject: user, issuer, email, groups, signedInSecondsAgo, acr, amr }),
    device:
      device === undefined ? undefined : present({ ...DEVICES[device], managed, diskEncrypted, platform, osVersion }),
  });
}

function present(members: { readonly [name: string]: unknown }): object {
  return Object.fromEntries(Object.entries(members).filter(([, value]) => value !== undefined));
}
