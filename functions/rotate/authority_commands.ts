/**
 * What an operator may have the authority do, beside what it does by itself. Every command is one step of the same machine,
 * by the same rules; `override` and `distrust` alone go against the waiting, by name and with a reason.
 */
import { createHash } from 'node:crypto';
import type { AuthorityAnswer, AuthorityCommand, AuthorityOutcome } from '@postern/api';
import {
  type AuthorityState,
  checkForeignAnchor,
  checkIntermediate,
  comingOf,
  createAuthorityCsr,
  generationOf,
  nextGeneration,
  type PlannedStep,
  type Step,
  signingOf,
} from '@postern/ca';
import { type KeyRing, type Signer, SignerUnavailable } from '@postern/keys';
import { accept, type Result, refuse } from '@postern/result';
import type { TrustDomain } from '@postern/spiffe';
import type { Clock } from '@postern/store';
import { statusOf, stepText } from './authority_status.ts';
import type { RollingAuthority } from './rolling_authority.ts';

/** `by`: the administrator, as the door that asks authenticated it. */
export type OperateAuthority = (command: AuthorityCommand, by: string) => Promise<AuthorityOutcome>;

type Wanted = PlannedStep | Step | 'due';

/**
 * Throws as key and store do, and then nothing or one whole step was done: the command may be given again. Reasons are
 * those of the step, `nothing-to-do`, `nothing-published`, `nothing-requested`, `not-in-feed`, and those of a certificate that comes in.
 */
export function createAuthorityCommands(ports: {
  readonly authority: RollingAuthority;
  readonly keys: KeyRing;
  readonly trustDomain: TrustDomain;
  readonly clock: Clock;
}): OperateAuthority {
  const { authority, keys, trustDomain, clock } = ports;

  async function wanted(state: AuthorityState, command: AuthorityCommand, by: string): Promise<Result<Wanted>> {
    switch (command.command) {
      case 'prepare':
        if (comingOf(state, command.key) !== undefined) return refuse('one-at-a-time');
        return accept({ kind: 'prepare', key: command.key, generation: nextGeneration(state, command.key) });
      case 'advance':
        return accept('due');
      case 'override':
        return override(state, command, by);
      case 'distrust': {
        const { key, generation, reason } = command;
        return accept({ kind: 'distrust', key, generation, override: { by, reason } });
      }
      case 'install':
        return install(state, command.certificates);
      case 'add-anchor': {
        const der = bytesOf(command.certificate);
        const checked = checkForeignAnchor(der, { trustDomain, nowMs: clock.nowMs() });
        if (!checked.ok) return checked;
        const anchor = { digest: digestOf(der), certificate: base64(der), by, addedAtMs: clock.nowMs() };
        return accept({ kind: 'add-foreign', anchor });
      }
      case 'remove-anchor':
        return accept({ kind: 'remove-foreign', digest: command.digest });
      default:
        return refuse('command-unknown');
    }
  }

  /** What nobody could have seen is never overridden: then nobody at all would know the key. */
  async function override(
    state: AuthorityState,
    { key, reason }: Extract<AuthorityCommand, { readonly command: 'override' }>,
    by: string,
  ): Promise<Result<Wanted>> {
    const coming = comingOf(state, key);
    if (coming?.phase !== 'published') return refuse('nothing-published');
    const { waits } = await authority.plan(state);
    const isOut = !waits.some((wait) => wait.key === key && wait.reason === 'not-in-feed');
    return isOut
      ? accept({ kind: 'sign', key, generation: coming.generation, override: { by, reason } })
      : refuse('not-in-feed');
  }

  async function install(state: AuthorityState, certificates: readonly string[]): Promise<Result<Wanted>> {
    const generation = nextGeneration(state, 'root');
    const signer = await requestedSigner(state, generation);
    if (signer === undefined) return refuse('nothing-requested');
    const checked = checkIntermediate({
      certificates: certificates.map(bytesOf),
      spki: signer.spki,
      trustDomain,
      nowMs: clock.nowMs(),
    });
    if (!checked.ok) return checked;
    const { certificate, chain, anchors } = checked.value;
    return accept({
      kind: 'prepare',
      key: 'root',
      generation,
      spki: base64(signer.spki),
      certificate: base64(certificate),
      chain: chain.map(base64),
      anchors: anchors.map(base64),
    });
  }

  /** `undefined` where no key was made for it, and the key store is there. */
  async function requestedSigner(state: AuthorityState, generation: number): Promise<Signer | undefined> {
    try {
      return await keys.signer('root', generation);
    } catch (fault) {
      if (!(fault instanceof SignerUnavailable)) throw fault;
      // An outage is one of the present key too.
      await keys.signer('root', signingOf(state, 'root').generation);
      return undefined;
    }
  }

  async function request(state: AuthorityState): Promise<Result<Uint8Array>> {
    if (comingOf(state, 'root') !== undefined) return refuse('one-at-a-time');
    const generation = nextGeneration(state, 'root');
    await keys.create('root', generation);
    return accept(await createAuthorityCsr({ signer: await keys.signer('root', generation), trustDomain }));
  }

  async function answerOf(more: Partial<AuthorityAnswer> = {}): Promise<AuthorityOutcome> {
    const state = await authority.read();
    const { consumers, ...plan } = await authority.plan(state);
    return { ok: true, answer: { status: statusOf(state, plan, consumers.length), steps: [], ...more } };
  }

  return async (command, by) => {
    const state = await authority.read();
    if (command.command === 'status') return answerOf();
    if (command.command === 'request') {
      const csr = await request(state);
      return csr.ok ? answerOf({ csr: base64(csr.value), steps: ['request root'] }) : csr;
    }
    const step = await wanted(state, command, by);
    if (!step.ok) return step;
    if (step.value === 'due') return advance(state, command, by);
    const isDryRun = command.dryRun === true;
    if (isDryRun) {
      const tried = await tryOut(state, step.value);
      return tried.ok ? answerOf({ steps: [stepText(step.value)], dryRun: true }) : tried;
    }
    const taken = await authority.take(state, await authority.resolve(step.value), by);
    if (!taken.ok) return taken;
    const followed = await authority.tick(by);
    return answerOf({ steps: [step.value, ...followed].map(stepText) });
  };

  /** Without making a key for what may be refused. */
  async function tryOut(state: AuthorityState, step: PlannedStep | Step): Promise<Result<unknown>> {
    const known = generationOf(state, 'root', 1) ?? state.keys.root[0];
    const made = step.kind === 'prepare' && !('spki' in step) ? { ...step, spki: known?.spki ?? '' } : (step as Step);
    return authority.take(state, made, '', true);
  }

  async function advance(state: AuthorityState, command: AuthorityCommand, by: string): Promise<AuthorityOutcome> {
    const { step } = await authority.plan(state);
    if (step === undefined) return { ok: false, reason: 'nothing-to-do' };
    if ('dryRun' in command && command.dryRun === true) return answerOf({ steps: [stepText(step)], dryRun: true });
    return answerOf({ steps: (await authority.tick(by)).map(stepText) });
  }
}

const base64 = (bytes: Uint8Array): string => Buffer.from(bytes).toString('base64');
const bytesOf = (text: string): Uint8Array => Uint8Array.from(Buffer.from(text, 'base64'));
const digestOf = (der: Uint8Array): string => createHash('sha256').update(der).digest('hex');
