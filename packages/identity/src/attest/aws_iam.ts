/**
 * The call itself, signed with AWS credentials (Signature Version 4) and authenticated by the platform in front of us: who
 * signed it comes from the request context, and nothing that the caller writes is looked at.
 */
import { createHash } from 'node:crypto';
import { refuse } from '@postern/result';
import type { Attestor } from './attestor.ts';
import { createAttestation } from './facts.ts';

/** As the platform's front door names them: a role without session and path, or an IAM user. */
const PRINCIPAL = /^arn:(aws[a-z-]{0,16}):iam::(\d{12}):(role|user)\/(?:[\x21-\x7e]{1,511}\/)?([\w+=,.@-]{1,64})$/;
/** A signature is taken for 5 minutes either way; the same call cannot come again within them. */
const SIGNATURE_LIFE_MS = 15 * 60_000;

export const awsIam: Attestor<'aws-iam'> = {
  proves: 'that the caller holds credentials of an IAM role or user now',
  makes: ['workload'],
  claims: ['aws:account', 'aws:arn', 'aws:role', 'aws:user'],
  async verify({ principal, call }, instance, ports) {
    if (principal === undefined) return refuse('principal-missing');
    const [, , account = '', kind, name] = PRINCIPAL.exec(principal) ?? [];
    if (name === undefined) return refuse('principal-not-admitted');
    if (!instance.accounts.includes(account)) return refuse('account-not-admitted');
    const facts = {
      'aws:account': account,
      'aws:arn': principal,
      'aws:role': kind === 'role' ? name : undefined,
      'aws:user': kind === 'user' ? name : undefined,
    };
    // The body has the certification request: who asks again asks for another signature of its key, or another key.
    const id = createHash('sha256').update(`${principal}\0`).update(call.bodyDigest).digest('base64url');
    return createAttestation(instance, facts, { id, expiresAtMs: ports.clock.nowMs() + SIGNATURE_LIFE_MS });
  },
};
