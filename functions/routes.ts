/** Which function answers which path, and by which method: what the front door lets through; everything else is 404 there. */
import { PATHS } from '@postern/api';
import type { FunctionName } from './access.ts';

/** `METHOD PATH`; `:name` is one segment. */
export const ROUTES: { readonly [F in FunctionName]: readonly string[] } = {
  // Asked at any path: what is decided travels in headers.
  authorize: [],
  issue: [
    `POST ${PATHS.agentJoin}`,
    `POST ${PATHS.agentRenew}`,
    `GET ${PATHS.agentEntries}`,
    `POST ${PATHS.svids}`,
    `POST ${PATHS.svidsAttested}`,
    `POST ${PATHS.svidsAwsIam}`,
    `POST ${PATHS.jwtSvids}`,
    `POST ${PATHS.acmeAuthority}`,
  ],
  acme: [
    `GET ${PATHS.acme.directory}`,
    `GET ${PATHS.acme.newNonce}`,
    `HEAD ${PATHS.acme.newNonce}`,
    `POST ${PATHS.acme.newAccount}`,
    `POST ${PATHS.acme.newOrder}`,
    `POST ${PATHS.acme.revokeCert}`,
    `POST ${PATHS.acme.keyChange}`,
    `GET ${PATHS.acme.renewal(':certificate')}`,
    `GET ${PATHS.acme.explanation}`,
    `POST ${PATHS.acme.account(':account')}`,
    `POST ${PATHS.acme.orders(':account')}`,
    `POST ${PATHS.acme.order(':order')}`,
    `POST ${PATHS.acme.finalize(':order')}`,
    `POST ${PATHS.acme.authorization(':order', ':index')}`,
    `POST ${PATHS.acme.challenge(':order', ':index')}`,
    `POST ${PATHS.acme.certificate(':order')}`,
  ],
  feed: [`GET ${PATHS.feed}`, `GET ${PATHS.release(':number')}`],
  trust: [
    `GET ${PATHS.trustBundle}`,
    `GET ${PATHS.openidConfiguration}`,
    `GET ${PATHS.jwks}`,
    `GET ${PATHS.revocationList(':issuer', ':number')}`,
  ],
  signals: [`POST ${PATHS.posture(':source')}`],
  ingest: [`POST ${PATHS.segments}`],
  admin: [
    `POST ${PATHS.admin.entries}`,
    `GET ${PATHS.admin.entries}`,
    `GET ${PATHS.admin.entry(':id')}`,
    `PUT ${PATHS.admin.entry(':id')}`,
    `DELETE ${PATHS.admin.entry(':id')}`,
    `POST ${PATHS.admin.joinTokens}`,
    `POST ${PATHS.admin.federations}`,
    `GET ${PATHS.admin.federations}`,
    `DELETE ${PATHS.admin.federation(':trustDomain')}`,
    `POST ${PATHS.admin.acmeKeys}`,
    `GET ${PATHS.admin.acmeKeys}`,
    `DELETE ${PATHS.admin.acmeKey(':id')}`,
    `POST ${PATHS.admin.attestors}`,
    `GET ${PATHS.admin.attestors}`,
    `GET ${PATHS.admin.attestor(':name')}`,
    `DELETE ${PATHS.admin.attestor(':name')}`,
    `POST ${PATHS.admin.revocations}`,
    `GET ${PATHS.admin.revocations}`,
    `GET ${PATHS.admin.authority}`,
    `POST ${PATHS.admin.authority}`,
    `GET ${PATHS.admin.status}`,
  ],
  publish: [`POST ${PATHS.admin.releases}`, `POST ${PATHS.admin.rollback}`, `GET ${PATHS.admin.releases}`],
  audit: [`GET ${PATHS.admin.records}`, `GET ${PATHS.admin.record(':id')}`, `GET ${PATHS.admin.trail}`],
  rotate: [
    `POST ${PATHS.keys.issuer}`,
    `POST ${PATHS.keys.feed}`,
    `POST ${PATHS.keys.producer}`,
    `POST ${PATHS.keys.authority}`,
    `POST ${PATHS.keys.revocations}`,
    `POST ${PATHS.keys.revocationList}`,
  ],
};

/** Of public functions: who calls is authenticated by IAM at the front door, and told to the function by it alone. */
export const IAM_ROUTES: ReadonlySet<string> = new Set([`POST ${PATHS.svidsAwsIam}`]);

/** Of public functions: other functions' alone, at a function URL that IAM guards and not at the HTTP API. */
export const FUNCTION_ROUTES: ReadonlySet<string> = new Set([`POST ${PATHS.acmeAuthority}`]);
