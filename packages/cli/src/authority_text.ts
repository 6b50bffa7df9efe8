/** The authority for people: its keys, each in its phase, who is waited for, and until when. */
import type {
  AuthorityAnswer,
  AuthorityConsumer,
  AuthorityGeneration,
  AuthorityStatus,
  AuthorityWait,
  RolledKey,
} from '@postern/api';
import { formatFields, formatTable, formatTime, type Paint, printable } from './terminal_text.ts';

const KEYS: readonly RolledKey[] = ['root', 'jwt'];
const SHOWN_CONSUMERS = 10;

export function formatAuthorityAnswer(paint: Paint, { steps, dryRun, status }: AuthorityAnswer): string {
  const said = dryRun === true ? paint('yellow', 'nothing was done; it would be:') : paint('green', 'done:');
  const done = steps.length === 0 ? '' : `${said} ${steps.map(printable).join(', then ')}\n\n`;
  return `${done}${formatAuthority(paint, status)}`;
}

export function formatAuthority(paint: Paint, status: AuthorityStatus): string {
  const rows = KEYS.flatMap((key) => status.keys[key].map((generation) => rowOf(key, generation)));
  return [
    formatFields(paint, [
      ['trust domain', status.trustDomain],
      ['trust bundle', status.bundleSequence],
      ['consumers', status.consumerCount],
    ]),
    formatTable(paint, ['KEY', 'NUMBER', 'PHASE', 'SINCE', 'ENDS', 'KEY ID'], rows, 'no keys'),
    ...status.foreign.map(
      ({ digest, by, addedAtMs }) =>
        `foreign anchor ${printable(digest)}, since ${formatTime(addedAtMs)} by ${printable(by)}\n`,
    ),
    overridesOf(status),
    [...status.waits.map((wait) => waitText(paint, wait)), nextText(status)].join(''),
  ]
    .filter((part) => part !== '')
    .join('\n');
}

function rowOf(key: RolledKey, { generation, phase, sinceMs, notAfterMs, keyId }: AuthorityGeneration): unknown[] {
  return [key, generation, phase, formatTime(sinceMs), notAfterMs === undefined ? '' : formatTime(notAfterMs), keyId];
}

function overridesOf({ keys }: AuthorityStatus): string {
  return KEYS.flatMap((key) =>
    keys[key].flatMap(({ generation, phase, override }) =>
      override === undefined
        ? []
        : [`${key} ${generation} is ${phase} by ${printable(override.by)}: ${printable(override.reason)}\n`],
    ),
  ).join('');
}

/** What each reason is to whoever waits; one that a later control plane knows is shown as it is. */
const WAITS: { readonly [reason: string]: (wait: AuthorityWait) => string } = {
  'not-in-feed': () => 'its trust bundle is not in the feed yet; the next tick of `rotate` puts it there',
  'published-too-briefly': ({ untilMs }) =>
    `whoever fetches the trust bundle and reports to nobody may not have it yet; until ${timeOf(untilMs)}`,
  'certificates-count': ({ key, untilMs, consumers = [], consumerCount = consumers.length }) =>
    [
      `${key === 'root' ? 'certificates under it' : 'tokens by it'} count until ${timeOf(untilMs)}`,
      ...(consumerCount === 0
        ? []
        : [
            `  ${consumerCount} have their own SVID under it; whoever distrusts it before they have followed has them join anew`,
          ]),
      ...namesOf(consumers, consumerCount, ({ untilMs: endsMs }) => `ends ${timeOf(endsMs)}`),
    ].join('\n'),
  'company-certificate': ({ untilMs }) =>
    `the company has to certify it by ${timeOf(untilMs)}: postern ca csr, then postern ca import-chain`,
  'consumers-behind': ({ key, consumers = [], consumerCount = consumers.length, untilMs }) =>
    [
      `${consumerCount} who verify have not said that they know it; the last of them lapses ${timeOf(untilMs)}`,
      ...namesOf(
        consumers,
        consumerCount,
        ({ bundleSequence, untilMs: lapsesMs }) =>
          `${bundleSequence === undefined ? 'has said nothing' : `has trust bundle ${bundleSequence}`}, lapses ${timeOf(lapsesMs)}`,
      ),
      `  start or stop them, wait, or accept that they refuse what it signs: postern ca override ${key} --reason TEXT`,
    ].join('\n'),
};

function namesOf(
  consumers: readonly AuthorityConsumer[],
  count: number,
  text: (consumer: AuthorityConsumer) => string,
): readonly string[] {
  const shown = consumers.slice(0, SHOWN_CONSUMERS);
  const more = count - shown.length;
  return [
    ...shown.map((consumer) => `  ${printable(consumer.name)}: ${text(consumer)}`),
    ...(more > 0 ? [`  and ${more} more; see --json`] : []),
  ];
}

const NEXT = { prepare: 'is to be made', sign: 'does not sign yet', distrust: 'is not distrusted yet' } as const;

function waitText(paint: Paint, wait: AuthorityWait): string {
  const why = Object.hasOwn(WAITS, wait.reason) ? WAITS[wait.reason]?.(wait) : printable(wait.reason);
  const what = Object.hasOwn(NEXT, wait.next) ? NEXT[wait.next] : `waits for ${printable(wait.next)}`;
  return `${paint('bold', `${wait.key} ${wait.generation} ${what}`)}: ${why}\n`;
}

function nextText({ next, waits }: AuthorityStatus): string {
  if (next !== undefined) {
    const what = [next.step, next.key, next.generation].filter((part) => part !== undefined).map(printable);
    return `due: ${what.join(' ')}; within a minute by itself, or at once: postern ca advance\n`;
  }
  return waits.length === 0 ? 'no key is on its way\n' : '';
}

const timeOf = (timeMs: number | undefined): string =>
  timeMs === undefined ? 'nobody knows when' : formatTime(timeMs);
