import { presentPath } from './install_tools.ts';
import { findOnPath } from './places.ts';
import { type ToolName, toolTable } from './tool_table.ts';

/** The path of an installed tool, or nothing; installs nothing and starts nothing. `npm run tools` installs. */
export function findTool(name: ToolName): string | undefined {
  const tool = toolTable.find((row) => row.name === name);
  if (tool === undefined) return undefined;
  return tool.lane === 'machine' ? findOnPath(name) : presentPath(tool);
}
