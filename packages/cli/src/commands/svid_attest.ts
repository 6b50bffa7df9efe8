/** `postern svid attest` */
import { readFileSync } from 'node:fs';
import { resolve } from 'node:path';
import { type AttestedSvidsAnswer, type AttestedSvidsRequest, PATHS } from '@postern/api';
import type { Command } from 'commander';
import { attestedFiles, attestedJson, attestedText } from '../attested_text.ts';
import type { Cli } from '../cli.ts';
import { callDoor } from '../control_plane/call_door.ts';
import { checkOrigin, type Doors } from '../control_plane/doors.ts';
import { DEFAULT_URL } from '../control_plane/token_doors.ts';
import { defineCommand } from '../define_command.ts';
import { CommandFailure } from '../failure.ts';
import { createLeafKey, KEY_TYPE_NAMES, type KeyType, parseKeyType } from '../leaf_key.ts';
import { collect } from '../option_values.ts';
import { createRenewalProof } from '../renewal_proof.ts';
import { printable } from '../terminal_text.ts';
import { writeFiles } from '../write_files.ts';

interface Options {
  readonly url?: string;
  readonly attestor: string;
  readonly proofFile?: string;
  readonly proofEnv?: string;
  readonly renew?: string;
  readonly spiffeId?: string;
  readonly jwtAudience?: readonly string[];
  readonly out: string;
  readonly keyType?: KeyType;
  readonly dryRun?: true;
}

const MAX_PROOF_BYTES = 16 * 1024;
const MAX_SELECTORS_SHOWN = 32;
const ADVICE =
  'give the token or document of this platform: one of --proof-file FILE, - for standard input, --proof-env NAME and --renew DIR';

export function addSvidAttest(parent: Command, cli: Cli): void {
  defineCommand<Options>(parent, cli, {
    name: 'attest',
    description:
      'an SVID without an agent: shows a proof of this platform, and writes key, certificate and trust bundle',
    examples: [
      [
        'postern svid attest --attestor github --proof-file token.jwt --out svid',
        'in a CI job; svid.pem, key.pem (0600) and bundle.pem in the folder svid',
      ],
      [
        'postern svid attest --attestor renewal --renew svid --out svid',
        'renewed by its own key, for a day, without another proof',
      ],
      [
        'postern svid attest --attestor gitlab --proof-env POSTERN_TOKEN --key-type ed25519 --out svid',
        'the proof from the environment, and a key of another kind',
      ],
      [
        'postern svid attest --attestor github --proof-file token.jwt --out svid --dry-run',
        'shows the certification request; nothing is sent or written, and the key is forgotten',
      ],
    ],
    configure: (command) =>
      command
        .option('--url <url>', `origin of the control plane’s public doors; else POSTERN_URL, else ${DEFAULT_URL}`)
        .requiredOption('--attestor <name>', 'the attestor that the proof is for')
        .option('--proof-file <file>', 'token, document or one-time token; - for standard input')
        .option('--proof-env <name>', 'the same, in an environment variable')
        .option('--renew <dir>', 'instead: prove the SVID in this folder by its key')
        .option('--spiffe-id <id>', 'of several identities this one')
        .option('--jwt-audience <name>', 'a JWT-SVID for this service too, as svid.jwt (0600); repeatable', collect)
        .option('--key-type <type>', `${KEY_TYPE_NAMES}; p256 when absent`, parseKeyType)
        .option('--dry-run', 'show the certification request, and send nothing')
        .requiredOption('--out <dir>', 'folder that svid.pem, key.pem (0600) and bundle.pem are written to'),
    async run(cli, options) {
      const { attestor, spiffeId, jwtAudience, proofFile, proofEnv, renew } = options;
      if ([proofFile, proofEnv, renew].filter((proof) => proof !== undefined).length !== 1)
        throw new CommandFailure(
          'usage',
          'proof-missing',
          'an SVID is for one proof, or for the one before it',
          ADVICE,
        );
      const { createCsr } = await import('@postern/ca');
      const { encodePem } = await import('@postern/der');
      const privateKey = createLeafKey(options.keyType);
      const csr = createCsr(privateKey, spiffeId === undefined ? {} : { spiffeId });
      if (options.dryRun === true) {
        const pem = encodePem('CERTIFICATE REQUEST', csr);
        return { json: { csr: pem, sent: false }, text: () => pem };
      }
      const request: AttestedSvidsRequest = {
        attestor,
        csr: Buffer.from(csr).toString('base64'),
        ...(proofFile !== undefined && { proof: readProof(cli, proofFile) }),
        ...(proofEnv !== undefined && { proof: checkProof(cli.io.environment[proofEnv] ?? '', proofEnv) }),
        ...(spiffeId !== undefined && { spiffeId }),
        ...(jwtAudience !== undefined && { jwtAudience }),
      };
      const answer = await send(cli, options, request);
      const folder = resolve(cli.io.folder, options.out);
      const files = attestedFiles(answer, privateKey);
      writeFiles(folder, files);
      const written = { folder, files: files.map(({ name }) => name) };
      return {
        json: { ...attestedJson(answer), written },
        text: (paint) => `${attestedText(paint, answer)}\nwritten to ${folder}: ${written.files.join(' ')}\n`,
      };
    },
  });
}

function send(cli: Cli, { url: given, renew }: Options, body: AttestedSvidsRequest): Promise<AttestedSvidsAnswer> {
  const url = checkOrigin(given ?? (cli.io.environment['POSTERN_URL'] || DEFAULT_URL), {
    sent: 'the proof',
    advice: `give it as ${DEFAULT_URL}, without path or user`,
  });
  const target = PATHS.svidsAttested;
  const doors: Doors = {
    url,
    originOf: () => url,
    async send(to, call) {
      if (renew === undefined) return fetch(to, call);
      const folder = resolve(cli.io.folder, renew);
      const proof = await createRenewalProof(folder, {
        target,
        body: call.body ?? '',
        audience: url,
        nowMs: cli.io.nowMs(),
      });
      return fetch(to, { ...call, headers: { ...call.headers, ...proof } });
    },
    advice: {
      'not-authenticated': 'get a new proof: it is good once, for minutes, and for this control plane alone',
      'not-permitted': 'ask an administrator, who sees the reason: postern audit list --kind refusal',
      'control-plane-unreachable': 'check --url: it is the PublicUrl of a deployment',
      'answer-malformed': 'check --url: what listens there is something else',
    },
    failureOf: () => undefined,
  };
  return callDoor<AttestedSvidsAnswer>(doors, { method: 'POST', target, body }).catch(explainUnentered);
}

/** Whoever has no entry is told by the control plane what one would have to select: an administrator needs just that. */
function explainUnentered(fault: unknown): never {
  const selectors = fault instanceof CommandFailure ? fault.members['selectors'] : undefined;
  if (!(fault instanceof CommandFailure) || !Array.isArray(selectors)) throw fault;
  const { exit, reason, message, members } = fault;
  const lines = selectors.slice(0, MAX_SELECTORS_SHOWN).map((selector) => `selector  ${printable(selector)}`);
  const advice = 'an administrator enters it with these selectors, and you show a new proof: postern entry create';
  throw new CommandFailure(exit, reason, message, advice, { members, text: lines.join('\n'), cause: fault });
}

function readProof(cli: Cli, file: string): string {
  let text: string;
  try {
    text = readFileSync(file === '-' ? 0 : resolve(cli.io.folder, file), 'utf8');
  } catch (cause) {
    const code = (cause as NodeJS.ErrnoException).code ?? 'fault';
    throw new CommandFailure('usage', 'file-unreadable', `\`${file}\` cannot be read: ${code}`, ADVICE, { cause });
  }
  return checkProof(text, file);
}

/** `place`: that it was read from, and never what was read. */
function checkProof(text: string, place: string): string {
  const proof = text.trim();
  if (proof === '' || proof.length > MAX_PROOF_BYTES)
    throw new CommandFailure('usage', 'proof-malformed', `\`${place}\` holds no proof`, ADVICE);
  return proof;
}
