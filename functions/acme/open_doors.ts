/** What ACME clients ask for unsigned: the directory (RFC 8555 7.1.1), a nonce (7.2), and when to renew (RFC 9773 4). */
import { parseCertificateId, RENEWAL_RETRY_SECONDS, renewalWindow } from '@postern/acme';
import { PATHS } from '@postern/api';
import type { Door } from '../door/door.ts';
import { linkTo, sendAnswer } from './answer.ts';
import type { AcmePorts } from './ports.ts';
import { notFound } from './refusals.ts';

const DIRECTORY_SECONDS = 300;
const EXPLANATION = 'This certificate was revoked by whoever it was issued to: renew it with another key.\n';

export function mountOpenDoors(door: Pick<Door, 'open'>, ports: AcmePorts): void {
  const { urls, nonces, authority, clock } = ports;

  door.open('GET', PATHS.acme.directory, 0, async (context) => {
    const { newNonce, newAccount, newOrder, revokeCert, keyChange, renewalInfo } = urls;
    const meta = { externalAccountRequired: true };
    const body = { newNonce, newAccount, newOrder, revokeCert, keyChange, renewalInfo, meta };
    return sendAnswer(context, { status: 200, body }, { 'cache-control': `public, max-age=${DIRECTORY_SECONDS}` });
  });

  // RFC 8555 7.2: 200 to HEAD, 204 to GET; whichever way they come, routers hand both to one.
  for (const method of ['GET', 'HEAD'] as const)
    door.open(method, PATHS.acme.newNonce, 0, async (context) => {
      const headers = {
        'replay-nonce': await nonces.create(),
        'cache-control': 'no-store',
        link: linkTo(urls.directory, 'index'),
      };
      return sendAnswer(context, { status: context.req.method === 'HEAD' ? 200 : 204 }, headers);
    });

  door.open('GET', PATHS.acme.renewal(':certificate'), 0, async (context) => {
    const id = parseCertificateId(context.req.param('certificate') ?? '');
    const found = id === undefined ? undefined : await authority.renewal(id.serial);
    const refusal = notFound('certificate-unknown');
    if (id === undefined || found?.ok !== true || found.value.issuerKeyId !== id.issuerKeyId) {
      ports.recordRefusal({ door: `acme GET ${PATHS.acme.renewal(':certificate')}`, reason: refusal.reason });
      return sendAnswer(context, refusal, { 'cache-control': 'no-store' });
    }
    const { startMs, endMs } = renewalWindow(found.value, clock.nowMs());
    const body = {
      suggestedWindow: { start: new Date(startMs).toISOString(), end: new Date(endMs).toISOString() },
      ...(found.value.isRevoked && { explanationURL: urls.explanation }),
    };
    return sendAnswer(
      context,
      { status: 200, body },
      {
        'retry-after': String(RENEWAL_RETRY_SECONDS),
        'cache-control': 'no-store',
      },
    );
  });

  door.open('GET', PATHS.acme.explanation, 0, async (context) => context.text(EXPLANATION));
}
