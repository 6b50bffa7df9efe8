/** Which function answers which path, and by which method: what the front door lets through; everything else is 404 there. */
import { PATHS } from '@postern/api';
import type { FunctionName } from './access.ts';

/** `METHOD PATH`; `:name` is one segment. */
export const ROUTES: { readonly [F in FunctionName]: readonly string[] } = {
  // Asked at any path: what is decided travels in headers.
  authorize: [],
  issue: [`POST ${PATHS.agentJoin}`, `POST ${PATHS.agentRenew}`, `GET ${PATHS.agentEntries}`, `POST ${PATHS.svids}`],
  feed: [`GET ${PATHS.feed}`, `GET ${PATHS.release(':number')}`],
  trust: [`GET ${PATHS.trustBundle}`],
  signals: [`POST ${PATHS.posture(':source')}`],
  ingest: [`POST ${PATHS.segments}`],
  admin: [
    `POST ${PATHS.admin.entries}`,
    `GET ${PATHS.admin.entries}`,
    `GET ${PATHS.admin.entry(':id')}`,
    `DELETE ${PATHS.admin.entry(':id')}`,
    `POST ${PATHS.admin.joinTokens}`,
    `POST ${PATHS.admin.revocations}`,
    `GET ${PATHS.admin.status}`,
  ],
  publish: [`POST ${PATHS.admin.releases}`, `POST ${PATHS.admin.rollback}`, `GET ${PATHS.admin.releases}`],
  audit: [`GET ${PATHS.admin.records}`, `GET ${PATHS.admin.record(':id')}`, `GET ${PATHS.admin.trail}`],
  rotate: [`POST ${PATHS.keys.issuer}`, `POST ${PATHS.keys.feed}`, `POST ${PATHS.keys.producer}`],
};
