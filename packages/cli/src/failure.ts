/** How a command ends without its result: what went wrong, what to do about it, and the exit code that says so. */
import type { ExitName } from './exit_codes.ts';

/** Thrown by commands, caught by `runCli` alone. Message and advice are one line each and hold no secret. */
export class CommandFailure extends Error {
  override readonly name = 'CommandFailure';
  readonly exit: ExitName;
  /** Stable, kebab-case, for programs. */
  readonly reason: string;
  readonly advice: string;
  /** Further members of the JSON document, such as the problems of a policy. */
  readonly members: { readonly [name: string]: unknown };
  /** Further lines for people. */
  readonly text: string;

  constructor(
    exit: ExitName,
    reason: string,
    message: string,
    advice: string,
    more: {
      readonly members?: { readonly [name: string]: unknown };
      readonly text?: string;
      readonly cause?: unknown;
    } = {},
  ) {
    super(message, { cause: more.cause });
    this.exit = exit;
    this.reason = reason;
    this.advice = advice;
    this.members = more.members ?? {};
    this.text = more.text ?? '';
  }
}
