import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import * as der from './index.ts';

const hex = (text: string) => new Uint8Array(Buffer.from(text.replace(/ /g, ''), 'hex'));
const parse = (text: string) => der.parseDer(hex(text), { maxBytes: 1024 });

describe('what a lenient reader would let pass', () => {
  const rows: [string, string, string][] = [
    ['nothing', '', 'der-truncated'],
    ['a length that goes beyond the end', '04 02 00', 'der-truncated'],
    ['bytes after the element', '05 00 00', 'der-trailing-bytes'],
    ['the indefinite length', '30 80 00 00', 'der-length-form'],
    ['a long length that would fit the short form', '04 81 01 00', 'der-length-form'],
    ['a length with a leading zero', `04 82 00 80 ${'00'.repeat(128)}`, 'der-length-form'],
    ['a length of five octets', '04 85 00 00 00 00 01 00', 'der-length-form'],
    ['a high tag number', '1f 81 01 00', 'der-tag-form'],
  ];
  test.each(rows)('refuses %s', (_name, text, reason) => {
    expect(parse(text)).toMatchObject({ ok: false, reason });
  });
  test('refuses more bytes than its bound', () => {
    expect(der.parseDer(new Uint8Array(5), { maxBytes: 4 })).toMatchObject({ ok: false, reason: 'der-too-large' });
  });
});

describe('values with more than one spelling', () => {
  const rows: [string, (element: der.DerElement) => { ok: boolean; reason?: string }, string][] = [
    ['true as 0x01', der.readBoolean, '01 01 01'],
    ['an integer with a needless zero', der.readInteger, '02 02 00 7f'],
    ['an integer with a needless 0xff', der.readInteger, '02 02 ff 80'],
    ['an empty integer', der.readInteger, '02 00'],
    ['a negative number where none may be', der.readUnsigned, '02 01 80'],
    ['unused bits that are set', der.readBitString, '03 02 01 01'],
    ['eight unused bits', der.readBitString, '03 02 08 00'],
    ['unused bits of no octet', der.readBitString, '03 01 01'],
    ['null with contents', der.readNull, '05 01 00'],
    ['an arc with a leading 0x80', der.readOid, '06 03 2a 80 01'],
    ['an arc that does not end', der.readOid, '06 02 2a 81'],
    ['time without seconds', der.readTime, `17 0b ${Buffer.from('2601010000Z').toString('hex')}`],
    ['time with an offset', der.readTime, `17 11 ${Buffer.from('260101000000+0000').toString('hex')}`],
    ['the 30th of February', der.readTime, `17 0d ${Buffer.from('260230000000Z').toString('hex')}`],
    ['an asterisk in a PrintableString', der.readText, '13 01 2a'],
    ['a high octet in an IA5String', der.readText, '16 01 e9'],
    ['overlong UTF-8', der.readText, '0c 02 c0 80'],
  ];
  test.each(rows)('refuses %s', (_name, read, text) => {
    const element = parse(text);
    if (!element.ok) throw new Error(element.reason);
    expect(read(element.value)).toMatchObject({ ok: false, reason: 'der-malformed-value' });
  });
});

describe('what is written is what OpenSSL writes', () => {
  const rows: [string, Uint8Array, string][] = [
    ['integer 0', der.unsigned(0), '020100'],
    ['integer 127', der.unsigned(127), '02017f'],
    ['integer 128', der.unsigned(128), '02020080'],
    ['integer 65537', der.unsigned(65537), '0203010001'],
    ['ecdsa-with-SHA256', der.oid('1.2.840.10045.4.3.2'), '06082a8648ce3d040302'],
    ['id-ce-noRevAvail', der.oid('2.5.29.56'), '0603551d38'],
    ['key usage digitalSignature', der.namedBits([0]), '03020780'],
    ['key usage keyCertSign, cRLSign', der.namedBits([5, 6]), '03020106'],
    ['the end of 2049', der.time(Date.UTC(2049, 11, 31, 23, 59, 59)), '170d3439313233313233353935395a'],
    ['the start of 2050', der.time(Date.UTC(2050, 0, 1)), '180f32303530303130313030303030305a'],
    ['a set in the order of its octets', der.setOf(der.unsigned(2), der.unsigned(1)), '3106020101020102'],
  ];
  test.each(rows)('%s', (_name, bytes, expected) => {
    expect(Buffer.from(bytes).toString('hex')).toBe(expected);
  });
});

describe('bounds', () => {
  test('as many elements as the bound are read, one more is refused', () => {
    const listOf = (count: number) => der.sequence(...Array.from({ length: count }, () => der.nullValue()));
    const childrenOf = (bytes: Uint8Array) => {
      const list = der.parseDer(bytes, { maxBytes: 10_000 });
      return list.ok ? der.readSequence(list.value) : list;
    };
    expect(childrenOf(listOf(1024))).toMatchObject({ ok: true });
    expect(childrenOf(listOf(1025))).toMatchObject({ ok: false, reason: 'der-too-many-elements' });
  });
  test.each([
    ['02 04 7f ff ff ff', true],
    ['02 05 00 ff ff ff ff', true],
    ['02 05 01 00 00 00 00', false],
  ])('a number of %s fits: %s', (text, ok) => {
    const element = parse(text);
    if (!element.ok) throw new Error(element.reason);
    expect(der.readSmallInteger(element.value).ok).toBe(ok);
  });
  test.each(['', '1', '1.', '.1', '3.1', '1.40', '1.-1', '1.1e1', '2.9007199254740993'])(
    'a program that names `%s` as object identifier fails at once',
    (dotted) => {
      expect(() => der.oid(dotted)).toThrow(RangeError);
    },
  );
});

test('any identifier and any second between 1950 and 9999 is read back as it was written', () => {
  const arcs = fc.array(fc.nat(), { maxLength: 8 });
  const read = (bytes: Uint8Array) => {
    const element = der.parseDer(bytes, { maxBytes: 100 });
    if (!element.ok) throw new Error(element.reason);
    return element.value;
  };
  fc.assert(
    fc.property(fc.constantFrom('0.9', '1.3', '2.5', '2.999'), arcs, (top, rest) => {
      const dotted = [top, ...rest].join('.');
      expect(der.readOid(read(der.oid(dotted)))).toEqual({ ok: true, value: dotted });
    }),
  );
  fc.assert(
    fc.property(fc.integer({ min: Date.UTC(1950, 0) / 1000, max: Date.UTC(9999, 11, 31) / 1000 }), (seconds) => {
      expect(der.readTime(read(der.time(seconds * 1000)))).toEqual({ ok: true, value: seconds * 1000 });
    }),
  );
});

test('reads back what it writes, whatever the length', () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 70_000, size: 'max' }), (bytes) => {
      const read = der.parseDer(der.octetString(bytes), { maxBytes: 80_000 });
      if (!read.ok) throw new Error(read.reason);
      expect(Buffer.from(read.value.value).equals(bytes)).toBe(true);
    }),
    { numRuns: 50 },
  );
});

test('never throws on arbitrary bytes', () => {
  const walk = (element: der.DerElement, depth: number): void => {
    for (const read of [der.readBoolean, der.readInteger, der.readBitString, der.readOid, der.readTime, der.readText])
      read(element);
    const children = der.readChildren(element);
    if (children.ok && depth < 20) for (const child of children.value) walk(child, depth + 1);
  };
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 200 }), (bytes) => {
      const element = der.parseDer(bytes, { maxBytes: 200 });
      if (element.ok) walk(element.value, 0);
    }),
    { numRuns: 2000 },
  );
});

test('base64 has one spelling: padding, alphabet and stray bits are checked', () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 100 }), (bytes) => {
      expect(der.encodeBase64(bytes)).toBe(Buffer.from(bytes).toString('base64'));
      expect(der.encodeBase64Url(bytes)).toBe(Buffer.from(bytes).toString('base64url'));
      expect(der.decodeBase64(der.encodeBase64(bytes))).toEqual({ ok: true, value: bytes });
      expect(der.decodeBase64Url(der.encodeBase64Url(bytes))).toEqual({ ok: true, value: bytes });
    }),
    { numRuns: 200 },
  );
  for (const bad of ['AA', 'AA=', 'AB==', 'A===', 'AA==\n', 'A A=', 'AA-_'])
    expect(der.decodeBase64(bad).ok).toBe(false);
  for (const bad of ['A', 'AB', 'AA==', 'A+', ' AA']) expect(der.decodeBase64Url(bad).ok).toBe(false);
});

test('pem: another label, text between blocks or a cut block is refused', () => {
  const block = der.encodePem('CERTIFICATE', Uint8Array.of(1, 2, 3));
  expect(der.parsePem(block + block, 'CERTIFICATE', { maxBytes: 1000 })).toMatchObject({ ok: true });
  const rows: [string, string][] = [
    ['pem-label', der.encodePem('PRIVATE KEY', Uint8Array.of(1))],
    ['pem-malformed', `${block}comment\n${block}`],
    ['pem-malformed', block.slice(0, -10)],
    ['pem-empty', '  \n'],
    ['pem-too-large', ' '.repeat(1001)],
  ];
  for (const [reason, text] of rows)
    expect(der.parsePem(text, 'CERTIFICATE', { maxBytes: 1000 })).toMatchObject({ ok: false, reason });
});
