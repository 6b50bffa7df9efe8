/** What the files of a program hold, and that it gets to the disk, at the latest once the disk has room again. */
import { type OutputFile, outputNotWritten } from '../write_files.ts';
import type { RunPorts } from './ports.ts';
import type { SwappedFiles } from './swapped_files.ts';

const WRITE_AGAIN_MS = 5_000;

export interface KeptFiles {
  /** Whether that changed anything. */
  set(files: readonly OutputFile[]): boolean;
  writeFirst(): void;
  /** `then`: once it is written, which may take until the disk has room again. */
  write(then?: () => void): void;
  stop(): void;
}

export function keepFiles(files: SwappedFiles, folder: string, log: RunPorts['log']): KeptFiles {
  const held = new Map<string, OutputFile>();
  const owed = new Set<() => void>();
  let again: NodeJS.Timeout | undefined;
  const write = () => {
    clearTimeout(again);
    try {
      files.publish([...held.values()]);
    } catch (fault) {
      log('error', 'files-not-written', { folder, error: (fault as Error).message });
      again = setTimeout(write, WRITE_AGAIN_MS);
      return;
    }
    for (const then of owed) then();
    owed.clear();
  };
  return {
    set(changed) {
      const isChanged = changed.some(({ name, text }) => held.get(name)?.text !== text);
      for (const file of changed) held.set(file.name, file);
      return isChanged;
    },
    writeFirst() {
      try {
        files.publish([...held.values()]);
      } catch (fault) {
        throw outputNotWritten(folder, fault);
      }
    },
    write(then) {
      if (then !== undefined) owed.add(then);
      write();
    },
    stop: () => clearTimeout(again),
  };
}
