/** Where the function `acme` asks the authority, and nobody else does. */
import type { AccountBinding, AcmeAuthority } from '@postern/acme';
import { MAX_KEY_CHANGES, MAX_SIGNED_BYTES } from '@postern/acme';
import { PATHS } from '@postern/api';
import type { Result } from '@postern/result';
import type { Door, IdentifyFunction } from '../door/door.ts';
import { checkShape, flag, listOf, objectOf, optional, text } from '../door/shape.ts';

export interface AcmeDoorPorts {
  readonly identify: IdentifyFunction;
  readonly acmeAuthority: AcmeAuthority;
}

const JWS = text(MAX_SIGNED_BYTES);
const BINDING = objectOf({ eab: JWS, keyChanges: listOf(JWS, MAX_KEY_CHANGES) });
const QUESTIONS = {
  grant: { ask: text(16), binding: BINDING, isNew: flag },
  issue: { ask: text(16), binding: BINDING, finalize: JWS },
  revoke: { ask: text(16), binding: optional(BINDING), revocation: JWS },
  renewal: { ask: text(16), serial: text(64) },
};
const MAX_BODY_BYTES = (MAX_KEY_CHANGES + 3) * MAX_SIGNED_BYTES;

/** A refusal is an answer: it is the client's to hear, and the front's to spell. */
export function mountAcmeDoor(door: Pick<Door, 'function'>, ports: AcmeDoorPorts): void {
  const { identify, acmeAuthority } = ports;
  door.function(identify, 'POST', PATHS.acmeAuthority, MAX_BODY_BYTES, async (context, caller, body) => {
    if (caller !== 'acme') return { refused: 'not-permitted', reason: 'question-of-another-function' };
    const answer = await answerTo(body);
    if (answer === undefined) return { refused: 'malformed-request', reason: 'question-malformed' };
    return context.json(answer, 200, { 'cache-control': 'no-store' });
  });

  async function answerTo(body: { readonly [name: string]: unknown }): Promise<Result<unknown> | undefined> {
    switch (body['ask']) {
      case 'grant': {
        const question = checkShape(body, QUESTIONS.grant);
        return question.ok
          ? acmeAuthority.grant(question.value.binding as AccountBinding, question.value.isNew)
          : undefined;
      }
      case 'issue': {
        const question = checkShape(body, QUESTIONS.issue);
        return question.ok
          ? acmeAuthority.issue(question.value.binding as AccountBinding, question.value.finalize)
          : undefined;
      }
      case 'revoke': {
        const question = checkShape(body, QUESTIONS.revoke);
        return question.ok
          ? acmeAuthority.revoke(question.value.revocation, question.value.binding as AccountBinding | undefined)
          : undefined;
      }
      case 'renewal': {
        const question = checkShape(body, QUESTIONS.renewal);
        return question.ok ? acmeAuthority.renewal(question.value.serial) : undefined;
      }
      default:
        return undefined;
    }
  }
}
