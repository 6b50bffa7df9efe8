/** What an issuing instance has to know of the roots above its issuers, as the authority's state says. */
import {
  type AuthorityReader,
  type AuthorityState,
  certificateOf,
  type Generation,
  publishedOf,
  readOwnCertificate,
  signingOf,
} from '@postern/ca';
import type { Certificate } from '@postern/spiffe';

export interface IssuerAnchors {
  /** Whether the root that signs now signed it. Cost: none but every two seconds. */
  isCurrent(issuer: Certificate): Promise<boolean>;
  /** What stands between an issuer and the bundle, where our root is a company's intermediate. DER. */
  above(issuer: Certificate): Promise<readonly Uint8Array[]>;
  /** Whose signatures on issuers are believed. */
  roots(): Promise<readonly Certificate[]>;
}

export function createIssuerAnchors(anchors: AuthorityReader): IssuerAnchors {
  let read:
    | { readonly of: AuthorityState; readonly roots: readonly (readonly [Generation, Certificate])[] }
    | undefined;
  async function known() {
    const { state: of } = await anchors.current();
    if (read?.of !== of) {
      const roots = publishedOf(of, 'root').map((it) => [it, readOwnCertificate(certificateOf(it))] as const);
      read = { of, roots };
    }
    return read;
  }
  return {
    async isCurrent(issuer) {
      const { of, roots } = await known();
      const signing = signingOf(of, 'root').generation;
      return roots.some(
        ([{ generation }, { subjectKeyId }]) => generation === signing && subjectKeyId === issuer.authorityKeyId,
      );
    },
    async above(issuer) {
      const found = (await known()).roots.find(([, { subjectKeyId }]) => subjectKeyId === issuer.authorityKeyId);
      const [generation, certificate] = found ?? [];
      if (generation?.anchors === undefined || certificate === undefined) return [];
      return [certificate.der, ...(generation.chain ?? []).map((text) => Uint8Array.from(Buffer.from(text, 'base64')))];
    },
    roots: async () => (await known()).roots.map(([, certificate]) => certificate),
  };
}
