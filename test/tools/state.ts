import { createHash } from 'node:crypto';
import { mkdirSync, readdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import { join, relative } from 'node:path';
import { toolsFolder } from './places.ts';

/** What `.tools/state.json` remembers of one tool: only tools that were installed and seen to run are written down. */
export type InstalledTool = { fingerprint: string; version: string; path: string };
export type ToolsState = { tools: Record<string, InstalledTool> };

const stateFile = join(toolsFolder, 'state.json');

/** Reads the state; a missing or damaged file is an empty state, which only costs a reinstallation. */
export function loadState(): ToolsState {
  try {
    const state: unknown = JSON.parse(readFileSync(stateFile, 'utf8'));
    const isState = typeof state === 'object' && state !== null && 'tools' in state && typeof state.tools === 'object';
    return isState ? (state as ToolsState) : { tools: {} };
  } catch {
    return { tools: {} };
  }
}

/** Writes the state whole or not at all, so that a reader never sees half of it. */
export function saveState(state: ToolsState): void {
  mkdirSync(toolsFolder, { recursive: true });
  const draft = `${stateFile}.${process.pid}`;
  writeFileSync(draft, `${JSON.stringify(state, undefined, 2)}\n`);
  renameSync(draft, stateFile);
}

/** A digest of everything that makes an installation what it is: another value means "install again". */
export function fingerprintOf(parts: string[], sourceFolder?: string): string {
  const hash = createHash('sha256');
  for (const part of parts) hash.update(`${part.length}:${part}`);
  for (const file of sourceFolder === undefined ? [] : sourceFiles(sourceFolder)) {
    const content = readFileSync(file);
    hash.update(`${relative(sourceFolder!, file)}:${content.length}:`).update(content);
  }
  return hash.digest('hex');
}

function sourceFiles(folder: string): string[] {
  return readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name))
    .sort();
}
