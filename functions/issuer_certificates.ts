/**
 * Certificates of the issuer key, kept as objects that are written once. A name says for which generation of the key it
 * is and from when; that it is so, the certificate must show (`readIssuer` of `@postern/ca`).
 */
import type { StoredIssuerCertificate } from '@postern/ca';
import type { Certificate } from '@postern/spiffe';
import type { Objects } from '@postern/store';

const FOLDER = 'authority/issuers/';
const NAME = /^authority\/issuers\/(\d{4})-\d{15}-[0-9a-f]{32}\.der$/;
/** Older ones are over. Whoever fills the folder with others makes nobody read more than this. */
const MAX_READ = 16;

/** Of the newest generation first, and of each the newest first. Cost: a list, and an object for each that is taken. */
export async function* storedIssuers(objects: Pick<Objects, 'get' | 'list'>): AsyncGenerator<StoredIssuerCertificate> {
  const names: string[] = [];
  for (let after: string | undefined, isMore = true; isMore; isMore = after !== undefined) {
    const page = await objects.list(FOLDER, after === undefined ? {} : { after });
    names.push(...page.names.filter((name) => NAME.test(name)));
    after = page.next;
  }
  for (const name of names.reverse().slice(0, MAX_READ)) {
    const der = await objects.get(name);
    if (der !== undefined) yield { der, generation: Number(NAME.exec(name)?.[1]) };
  }
}

export async function storeIssuer(
  objects: Pick<Objects, 'putIfAbsent'>,
  generation: number,
  { der, serial, notBeforeMs }: Certificate,
): Promise<void> {
  const from = String(notBeforeMs).padStart(15, '0');
  await objects.putIfAbsent(`${FOLDER}${String(generation).padStart(4, '0')}-${from}-${serial}.der`, der);
}
