/** The stores and the key that revocation lists are made with. */
import { createIssuedIndex, createListSlots, createSealedItems, readIssuer } from '@postern/ca';
import type { FeedLog } from '@postern/feed';
import { type Mac, SignerUnavailable } from '@postern/keys';
import type { Certificate } from '@postern/spiffe';
import type { Key } from '@postern/store';
import { storedIssuers } from '../issuer_certificates.ts';
import type { StorePorts } from '../ports.ts';
import { createListKeeper, type ListIssuer, type ListPorts } from './revocation_lists.ts';
import { createRevocations, type Revocations } from './revocations.ts';

export function openRevocations(
  ports: StorePorts & {
    readonly mac: Mac;
    readonly feedLog: FeedLog;
    /** Whose signatures on issuers are believed. */
    readonly roots: () => Promise<readonly Certificate[]>;
    readonly record: ListPorts['record'];
  },
): Revocations {
  const { table, mac, clock, feedLog, objects, keys, trustDomain, log } = ports;
  const onForged = (key: Key) => log('error', 'revocation-item-forged', { ...key });
  const slots = createListSlots({ table, mac, clock, onForged });
  const keepList = createListKeeper({
    ...{ table, slots, clock, record: ports.record },
    onTurnedBack: (list) => log('error', 'revocation-list-turned-back', { list }),
  });

  async function issuerOf(keyId: string): Promise<ListIssuer | undefined> {
    const roots = await ports.roots();
    for await (const { der, generation } of storedIssuers(objects)) {
      const certificate = readIssuer(der, { roots, trustDomain });
      if (certificate?.subjectKeyId !== keyId) continue;
      const signer = async () => {
        const found = await keys.signer('issuer', generation);
        if (Buffer.compare(found.spki, certificate.spki) === 0) return found;
        throw new SignerUnavailable(`generation ${generation} of the key \`issuer\` is another key now`);
      };
      return { certificate, signer };
    }
    return undefined;
  }

  const sealed = createSealedItems(mac, onForged);
  return createRevocations({
    ...{ table, feedLog, slots, sealed, keepList, issuerOf, clock },
    issued: createIssuedIndex({ table, mac, onForged }),
  });
}
