import { isExecutable, isFolder, toolsFolder } from './places.ts';
import { fingerprintOf, loadState, saveState } from './state.ts';
import { type Lane, type Tool, type ToolName, toolTable } from './tool_table.ts';

/** `present`: nothing to do; `installed`: done now; `missing`: not to be had here, `reason` says why in one line. */
export type ToolReport = {
  name: ToolName;
  version: string;
  state: 'present' | 'installed' | 'missing';
  path?: string;
  reason?: string;
  tookMs: number;
};

const LANES: readonly Lane[] = ['machine', 'python', 'go', 'maven', 'cargo', 'debian'];

/** Installs what is missing of `names` (default: everything); never throws because a tool is not to be had. */
export async function installTools(
  names: readonly ToolName[] | undefined,
  onStart: (name: ToolName) => void,
): Promise<ToolReport[]> {
  const wanted = toolTable.filter((tool) => names === undefined || names.includes(tool.name));
  const reports = await Promise.all(
    LANES.map((lane) =>
      installInTurn(
        wanted.filter((tool) => tool.lane === lane),
        onStart,
      ),
    ),
  );
  const order = toolTable.map((tool) => tool.name);
  return reports.flat().sort((a, b) => order.indexOf(a.name) - order.indexOf(b.name));
}

/** Whether everything wanted is present, so that nobody needs the lock. */
export function areToolsPresent(names: readonly ToolName[] | undefined): boolean {
  return toolTable
    .filter((tool) => names === undefined || names.includes(tool.name))
    .every((tool) => tool.lane === 'machine' || presentPath(tool) !== undefined);
}

async function installInTurn(tools: Tool[], onStart: (name: ToolName) => void): Promise<ToolReport[]> {
  const reports: ToolReport[] = [];
  for (const tool of tools) reports.push(await installOne(tool, onStart));
  return reports;
}

async function installOne(tool: Tool, onStart: (name: ToolName) => void): Promise<ToolReport> {
  const startedMs = performance.now();
  const report = (outcome: Omit<ToolReport, 'name' | 'version' | 'tookMs'>): ToolReport => ({
    name: tool.name,
    version: tool.version,
    ...outcome,
    tookMs: Math.round(performance.now() - startedMs),
  });
  const known = presentPath(tool);
  if (known !== undefined) return report({ state: 'present', path: known });
  if (tool.lane !== 'machine') onStart(tool.name);
  const installed = await tool.install().catch((fault: unknown) => ({
    ok: false as const,
    reason: 'install-failed',
    detail: fault instanceof Error ? fault.message : String(fault),
  }));
  if (!installed.ok) return report({ state: 'missing', reason: `${installed.reason}: ${installed.detail ?? ''}` });
  if (tool.lane === 'machine') return report({ state: 'present', path: installed.value });
  const tools = { ...loadState().tools };
  tools[tool.name] = { fingerprint: fingerprint(tool), version: tool.version, path: installed.value };
  saveState({ tools });
  return report({ state: 'installed', path: installed.value });
}

/** The installed tool's path; nothing where it is absent, of another version, or built from other sources. */
export function presentPath(tool: Tool): string | undefined {
  const known = loadState().tools[tool.name];
  const isSame = known !== undefined && known.fingerprint === fingerprint(tool) && isUsable(known.path);
  return isSame ? known.path : undefined;
}

/** A program, or a corpus. */
function isUsable(path: string): boolean {
  return isExecutable(path) || isFolder(path);
}

/** The folder is part of it, because an installation that was copied elsewhere still points to where it came from. */
function fingerprint(tool: Tool): string {
  return fingerprintOf([tool.name, tool.version, toolsFolder, process.platform, process.arch], tool.sourceFolder);
}
