import { describe, it } from 'vitest';
import { findTool } from '../tools/find_tool.ts';
import type { ToolName } from '../tools/tool_table.ts';

export { findTool } from '../tools/find_tool.ts';
export type { ToolName } from '../tools/tool_table.ts';

/**
 * A suite that needs real peers. Where one is missing the suite is skipped and its name says why; with CI=true that is
 * a failure, because a peer that quietly stayed away proves nothing. `define` gets the path of each tool it named (an
 * empty text in a skipped suite, whose tests never run).
 */
export function describeWithTool<Name extends ToolName>(
  title: string,
  names: readonly Name[],
  define: (paths: Record<Name, string>) => void,
): void {
  const paths = Object.fromEntries(names.map((name) => [name, findTool(name) ?? ''])) as Record<Name, string>;
  const { verdict, missing } = judgePresence(paths, process.env['CI'] === 'true');
  if (verdict === 'run') {
    describe(title, () => define(paths));
  } else if (verdict === 'fail') {
    describe(title, () => {
      it(`has its peers: ${missing}`, () => {
        throw new Error(`${missing} missing; \`npm run tools\` says why`);
      });
    });
  } else {
    describe.skip(`${title} (skipped: no ${missing}; \`npm run tools\` says why)`, () => define(paths));
  }
}

/** What to do with a suite whose tools are at `paths`, an empty text where there is none. */
export function judgePresence(
  paths: Record<string, string>,
  isCi: boolean,
): { verdict: 'run' | 'skip' | 'fail'; missing: string } {
  const missing = Object.keys(paths).filter((name) => paths[name] === '');
  const verdict = missing.length === 0 ? 'run' : isCi ? 'fail' : 'skip';
  return { verdict, missing: missing.join(', ') };
}
