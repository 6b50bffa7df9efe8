/**
 * How many connections a socket holds. Every user of the node may connect, and each connection takes two descriptors: a
 * user who opens them without end must not leave the others, or the spool, without.
 */
import { readFileSync } from 'node:fs';

export interface ConnectionBounds {
  /** Of one socket. */
  readonly total: number;
  /** Of one socket and one uid. */
  readonly perUser: number;
}

const MAX_TOTAL = 20_000;
const MAX_PER_USER = 2_000;
/** Three sockets with two descriptors a connection take three quarters of them; one user's connections three eighths. */
const TOTAL_PART = 8;
const PER_USER_PART = 16;
/** POSIX's least; where the limit cannot be read. */
const LEAST_DESCRIPTORS = 1024;

export function connectionBounds(descriptors: number = readDescriptorLimit()): ConnectionBounds {
  return {
    total: Math.min(MAX_TOTAL, Math.floor(descriptors / TOTAL_PART)),
    perUser: Math.min(MAX_PER_USER, Math.floor(descriptors / PER_USER_PART)),
  };
}

/** The soft limit, which Node raises to the hard one when it starts (proc(5), `limits`). */
export function readDescriptorLimit(): number {
  const soft = /^Max open files +(\d+|unlimited)/m.exec(readFileSync('/proc/self/limits', 'latin1'))?.[1];
  return soft === 'unlimited' ? Number.MAX_SAFE_INTEGER : Number(soft ?? LEAST_DESCRIPTORS);
}

export interface UserConnections {
  /** False: this user has its share already. */
  admit(uid: number): boolean;
  /** Of one that was admitted. */
  release(uid: number): void;
}

/** `onFull`: told once until the user is below half its share again, so that a log is not filled by trying. */
export function createUserConnections(perUser: number, onFull: (uid: number) => void): UserConnections {
  const users = new Map<number, { count: number; isTold: boolean }>();
  return {
    admit(uid) {
      const user = users.get(uid) ?? { count: 0, isTold: false };
      if (user.count >= perUser) {
        if (!user.isTold) onFull(uid);
        user.isTold = true;
        return false;
      }
      user.count += 1;
      users.set(uid, user);
      return true;
    },
    release(uid) {
      const user = users.get(uid);
      if (user === undefined) return;
      user.count -= 1;
      if (user.count < perUser / 2) user.isTold = false;
      if (user.count === 0) users.delete(uid);
    },
  };
}
