/**
 * What a verification found, for people. Every finding that speaks against the trail has its line. Of those that an honest
 * producer leaves behind, which are many where a platform ends instances of functions without a word, the first few of a
 * kind stand for the rest: in between, the one that matters would be overlooked.
 */
import type { Finding } from '@postern/audit';
import { type Paint, printable } from './terminal_text.ts';

const SHOWN_OF_A_KIND = 3;

export function formatFindings(
  paint: Paint,
  findings: readonly Finding[],
  { isStatement, isVerbose }: { readonly isStatement: (kind: Finding['kind']) => boolean; readonly isVerbose: boolean },
): string {
  const groups = Map.groupBy(findings, groupOf);
  return [...groups.values()]
    .map((group) => {
      const { kind } = group[0] as Finding;
      const mark = paint(isStatement(kind) ? 'yellow' : 'red', kind);
      const lines = group.map(({ producer, detail }) => printable([producer, detail].filter(Boolean).join('  ')));
      // One more line than a count would take is no gain.
      const isCut = isStatement(kind) && !isVerbose && lines.length > SHOWN_OF_A_KIND + 1;
      const shown = isCut ? lines.slice(0, SHOWN_OF_A_KIND) : lines;
      const rest = isCut
        ? [`and ${lines.length - shown.length} more (${lines.length} in all; --verbose lists them)`]
        : [];
      return [...shown, ...rest].map((line) => `${mark}  ${line}\n`).join('');
    })
    .join('');
}

/** A killed agent may have lost records and a function has not: neither stands for the other. */
function groupOf({ kind, producer = '' }: Finding): string {
  return `${kind} ${producer.startsWith('spiffe://') ? 'agent' : ''}`;
}
