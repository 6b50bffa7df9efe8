import { findTool } from '../../test/tools/find_tool.ts';
import { installTools } from '../../test/tools/install_tools.ts';
import type { ToolName } from '../../test/tools/tool_table.ts';
import { step } from './transcript.ts';

/** Installed on first use; a reason where it cannot be had, such as without Python. `shown`: its name for people. */
export async function obtainTool(
  name: ToolName,
  shown: string,
): Promise<{ readonly path: string } | { readonly reason: string }> {
  const found = findTool(name);
  if (found !== undefined) return { path: found };
  const [report] = await installTools([name], () => step(`getting ${shown} into .tools (once)`));
  const path = findTool(name);
  return path === undefined ? { reason: report?.reason ?? 'not installed' } : { path };
}
