/** Why a control plane or an agent does not start, in words that whoever started it can act on. */
import type { ExitName } from './exit_codes.ts';

export interface StartFault {
  readonly exit: ExitName;
  readonly reason: string;
  readonly message: string;
  readonly advice: string;
}

/** Of the file system, where the folder is at fault and not the program. */
const FOLDER_CODES = new Set(['EACCES', 'EPERM', 'EROFS', 'ENOTDIR', 'EEXIST', 'EISDIR', 'ENOENT', 'ENOSPC', 'EDQUOT']);
/** Of an address of another machine, or a port of the system's. */
const PLACE_CODES = new Set(['EACCES', 'EADDRNOTAVAIL']);
/** SQLITE_BUSY: another process holds the database. */
const SQLITE_BUSY = 5;

interface SystemFault extends Error {
  readonly code?: string;
  readonly address?: string;
  readonly port?: number;
  readonly errcode?: number;
  readonly path?: string;
}

/** `dir`: absolute path of the state; `portOptions`: what chooses other ports. Undefined for a fault of ours. */
export function explainStartFault(fault: unknown, dir: string, portOptions: string): StartFault | undefined {
  for (let cause = fault; cause instanceof Error; cause = cause.cause) {
    const { code = '', address, port, errcode, path } = cause as SystemFault;
    if (code === 'EADDRINUSE')
      return {
        exit: 'unavailable',
        reason: 'port-in-use',
        message: `\`${address}:${port}\` is in use`,
        advice: `end what listens there (another Postern?), or choose others: ${portOptions}`,
      };
    if (PLACE_CODES.has(code) && port !== undefined)
      return {
        exit: 'usage',
        reason: 'address-unusable',
        message: `nobody may listen at \`${address}:${port}\` here: ${code}`,
        advice: `choose an address of this machine, and a port from 1024 on: ${portOptions}`,
      };
    if (errcode === SQLITE_BUSY)
      return {
        exit: 'refused',
        reason: 'folder-in-use',
        message: `another Postern runs in \`${dir}\``,
        advice: 'end it, or give this one its own folder: --dir',
      };
    if (FOLDER_CODES.has(code) && path?.startsWith(dir))
      return {
        exit: 'usage',
        reason: 'folder-unusable',
        message: `the folder \`${dir}\` cannot be used: ${code}`,
        advice: 'choose a folder that you may write to: --dir',
      };
  }
  return undefined;
}
