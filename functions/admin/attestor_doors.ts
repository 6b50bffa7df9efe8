/** Attestor instances: what the authority takes the word of. Recorded before they take effect, like every change. */
import { type AttestorsAnswer, PATHS } from '@postern/api';
import { ACME_ATTESTOR } from '@postern/ca';
import { type AttestorStore, checkAttestorInput } from '@postern/identity';
import type { Administrator, VerifyAdministrator } from '../door/administrator.ts';
import type { Door } from '../door/door.ts';

export interface AttestorDoorPorts {
  readonly verifyAdministrator: VerifyAdministrator;
  readonly attestors: AttestorStore;
  /** Origin of the public doors: what proofs are made for. */
  readonly audience: string;
  readonly recordIntent: (action: string, subject: string, by: Administrator) => Promise<void>;
}

/** Some hundred accounts with their issuers, or a few certificates. */
const MAX_BODY_BYTES = 128 * 1024;
/** A deployment has tens; they are listed whole. */
const MAX_INSTANCES = 1000;

export function mountAttestorDoors(door: Pick<Door, 'administrator'>, ports: AttestorDoorPorts): void {
  const { verifyAdministrator: verify, attestors, recordIntent } = ports;

  door.administrator(
    verify,
    'attestors:write',
    'POST',
    PATHS.admin.attestors,
    MAX_BODY_BYTES,
    async (context, by, body) => {
      const { dryRun = false, ...input } = body;
      if (typeof dryRun !== 'boolean')
        return { refused: 'malformed-request', reason: 'member-malformed', detail: '`dryRun`' };
      const checked = checkAttestorInput(input, ports);
      if (!checked.ok) {
        const { reason, detail } = checked;
        return { refused: 'malformed-request', reason, detail: `${reason} ${detail ?? ''}`.trim() };
      }
      const { name } = checked.value;
      if (name === ACME_ATTESTOR)
        return {
          refused: 'conflict',
          reason: 'attestor-name-kept',
          detail: `\`${name}\` is the parent of what ACME knows`,
        };
      const exists = (await attestors.get(name)) !== undefined;
      if (exists)
        return { refused: 'conflict', reason: 'attestor-exists', detail: 'delete it first: entries keep its name' };
      if (dryRun) return context.json(checked.value);
      if ((await attestors.list()).length >= MAX_INSTANCES)
        return { refused: 'conflict', reason: 'attestors-too-many' };
      await recordIntent('attestor-create', name, by);
      const created = await attestors.create(checked.value);
      return created.ok ? context.json(created.value, 201) : { refused: 'conflict', reason: created.reason };
    },
  );

  door.administrator(verify, 'attestors:read', 'GET', PATHS.admin.attestors, 0, async (context) => {
    const answer: AttestorsAnswer = { attestors: await attestors.list() };
    return context.json(answer);
  });

  door.administrator(verify, 'attestors:read', 'GET', PATHS.admin.attestor(':name'), 0, async (context) => {
    const instance = await attestors.get(context.req.param('name') ?? '');
    return instance === undefined ? { refused: 'not-found', reason: 'attestor-unknown' } : context.json(instance);
  });

  door.administrator(verify, 'attestors:write', 'DELETE', PATHS.admin.attestor(':name'), 0, async (context, by) => {
    const instance = await attestors.get(context.req.param('name') ?? '');
    if (instance === undefined) return { refused: 'not-found', reason: 'attestor-unknown' };
    await recordIntent('attestor-delete', instance.name, by);
    const deleted = await attestors.delete(instance.name);
    return deleted.ok ? context.json(deleted.value) : { refused: 'not-found', reason: deleted.reason };
  });
}
