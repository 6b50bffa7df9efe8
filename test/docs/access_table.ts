import {
  type Access,
  accessOf,
  FUNCTION_NAMES,
  type FunctionName,
  OBJECT_FOLDERS,
  type ObjectFolder,
  PARTITIONS,
  type PartitionName,
} from '@postern/functions/access';
import type { SigningKeyName } from '@postern/keys';
import { formatMarkdownTable } from './markdown.ts';

type Column = 'reads' | 'writes' | 'readsObjects' | 'writesObjects';

/** Both ways round: what a function may use, and who may use a thing. */
export function accessReference(): string {
  return `Made from \`functions/access.ts\`, of which the local wiring takes what it hands out and the deployment its grants: a function that
is taken over can do what its row says. That the deployed policies say the same is a test (\`cdk/grants.test.ts\`).

## By function

${accessByFunction()}

## By key, partition and folder

${formatMarkdownTable(['what', 'use', 'by'], users())}`;
}

/** Which function may use what, from the table that the local wiring and the deployment's grants are made of. */
export function accessByFunction(): string {
  const rows = FUNCTION_NAMES.map((name) => {
    const access = accessOf(name);
    return [
      `\`${name}\``,
      access.door === 'iam' ? 'IAM' : 'public',
      keysOf(access),
      usesOf(beyond(name, 'reads'), beyond(name, 'writes')),
      usesOf(beyond(name, 'readsObjects'), beyond(name, 'writesObjects')),
      othersOf(access),
    ];
  });
  const records = `${usesOf(commonTo('reads'), commonTo('writes'))} of the table, and ${usesOf(commonTo('readsObjects'), commonTo('writesObjects'))} of the objects`;
  return `Every function also leaves records: it ${records}.

${formatMarkdownTable(['function', 'door', 'keys', 'partitions of the table', 'objects', 'also'], rows)}`;
}

function users(): string[][] {
  const of = (has: (access: Access) => boolean): string => {
    const names = FUNCTION_NAMES.filter((name) => has(accessOf(name)));
    return names.length === FUNCTION_NAMES.length ? 'every function' : quoted(names);
  };
  const rows = FUNCTION_NAMES.map(accessOf);
  const signing = [...new Set(rows.flatMap((row) => Object.keys(row.signingKeys) as SigningKeyName[]))];
  const macs = [...new Set(rows.flatMap((row) => row.macKeys))];
  const secrets = [...new Set(rows.flatMap((row) => row.secrets))];
  return [
    ...signing.flatMap((key) => [
      [`key \`${key}\``, 'signs', of((row) => row.signingKeys[key] === 'sign')],
      [`key \`${key}\``, 'reads its public half', of((row) => row.signingKeys[key] !== undefined)],
    ]),
    ...macs.map((key) => [`MAC key \`${key}\``, 'derives', of((row) => row.macKeys.includes(key))]),
    ...(Object.keys(PARTITIONS) as PartitionName[]).flatMap((partition) => [
      [
        `partition \`${partition}\`: ${quoted(PARTITIONS[partition])}`,
        'reads',
        of((row) => row.reads.includes(partition)),
      ],
      [`partition \`${partition}\``, 'writes', of((row) => row.writes.includes(partition))],
      [`partition \`${partition}\``, 'deletes from', of((row) => row.deletes?.includes(partition) === true)],
    ]),
    ...(Object.keys(OBJECT_FOLDERS) as ObjectFolder[]).flatMap((folder) => [
      [`objects below \`${OBJECT_FOLDERS[folder]}\``, 'reads', of((row) => row.readsObjects.includes(folder))],
      [`objects below \`${OBJECT_FOLDERS[folder]}\``, 'writes once', of((row) => row.writesObjects.includes(folder))],
    ]),
    ...secrets.map((secret) => [`secret \`${secret}\``, 'reads', of((row) => row.secrets.includes(secret))]),
    ['`rotate`, to certify a key', 'asks', of((row) => row.asksRotate)],
  ].map((row) => row.map((cell) => cell || 'nobody'));
}

function keysOf({ signingKeys, macKeys }: Access): string {
  const keys = Object.entries(signingKeys).map(([key, use]) =>
    use === 'sign' ? `**signs with \`${key}\`**` : `\`${key}\` (public half)`,
  );
  return [...keys, ...(macKeys.length === 0 ? [] : [`MAC ${quoted(macKeys)}`])].join(', ');
}

function othersOf({ deletes = [], secrets, asksRotate, tickMinutes }: Access): string {
  return [
    ...(deletes.length === 0 ? [] : [`deletes from ${quoted(deletes)}`]),
    ...(asksRotate ? ['asks `rotate`'] : []),
    ...secrets.map((secret) => `secret \`${secret}\``),
    ...(tickMinutes === undefined ? [] : [`runs every ${tickMinutes === 1 ? 'minute' : `${tickMinutes} minutes`}`]),
  ].join(', ');
}

/** `reads and writes` once for what is in both. */
function usesOf(reads: readonly string[], writes: readonly string[]): string {
  const both = reads.filter((name) => writes.includes(name));
  const parts: [verb: string, names: readonly string[]][] = [
    ['reads and writes', both],
    ['reads', reads.filter((name) => !both.includes(name))],
    ['writes', writes.filter((name) => !both.includes(name))],
  ];
  return parts.flatMap(([verb, names]) => (names.length === 0 ? [] : [`${verb} ${quoted(names)}`])).join('; ');
}

function beyond(name: FunctionName, column: Column): readonly string[] {
  const common = commonTo(column);
  return accessOf(name)[column].filter((value) => !common.includes(value));
}

/** What each function has: said once, so that the rows show what differs. */
function commonTo(column: Column): readonly string[] {
  const [first, ...others] = FUNCTION_NAMES.map((name): readonly string[] => accessOf(name)[column]);
  return (first ?? []).filter((value) => others.every((values) => values.includes(value)));
}

const quoted = (names: readonly string[]) => names.map((name) => `\`${name}\``).join(', ');
