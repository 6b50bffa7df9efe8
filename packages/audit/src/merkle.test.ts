import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { describe, expect, test } from 'vitest';
import { hashLeaf, inclusionProof, rootOf, verifyInclusion } from './merkle.ts';

const shared = process.env['POSTERN_SHARED'] ?? resolve(import.meta.dirname, '../../../../shared/data');
const archive = join(shared, 'merkle', 'testdata.tar.gz');
const isSkipped = !existsSync(archive) && process.env['CI'] !== 'true';
if (isSkipped) console.log('the Merkle vectors are not at hand: they are skipped');

interface Vector {
  readonly leafIdx: number;
  readonly treeSize: number;
  readonly root: string;
  readonly leafHash: string;
  readonly proof: readonly string[] | null;
  readonly desc: string;
  readonly wantErr: boolean;
}

function readVectors(): readonly Vector[] {
  const folder = mkdtempSync(join(tmpdir(), 'postern-merkle-'));
  try {
    execFileSync('tar', ['-xzf', archive, '-C', folder]);
    const inclusion = join(folder, 'testdata', 'inclusion');
    const files = readdirSync(inclusion, { recursive: true, withFileTypes: true }).filter((file) => file.isFile());
    return files.map((file) => JSON.parse(readFileSync(join(file.parentPath, file.name), 'utf8')) as Vector);
  } finally {
    rmSync(folder, { recursive: true });
  }
}

const bytesOf = (base64: string) => Buffer.from(base64, 'base64');

test.skipIf(isSkipped)('98 published inclusion proofs are told apart: the true ones hold, no false one does', () => {
  const vectors = readVectors();
  expect(vectors).toHaveLength(98);
  const disagreements = vectors.filter(({ leafIdx, treeSize, root, leafHash, proof, wantErr }) => {
    const input = { leaf: bytesOf(leafHash), index: leafIdx, size: treeSize, root: bytesOf(root) };
    return verifyInclusion({ ...input, proof: (proof ?? []).map(bytesOf) }) === wantErr;
  });
  expect(disagreements.map(({ desc, leafIdx, treeSize }) => ({ desc, leafIdx, treeSize }))).toEqual([]);
  expect(vectors.filter(({ wantErr }) => !wantErr)).toHaveLength(6);
});

/** Roots of the reference implementation of RFC 6962, for the first N of these leaves. */
const referenceLeaves = [
  '',
  '00',
  '10',
  '2021',
  '3031',
  '40414243',
  '5051525354555657',
  '606162636465666768696a6b6c6d6e6f',
];
const referenceRoots = [
  'e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855',
  '6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d',
  'fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125',
  'aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77',
  'd37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7',
  '4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4',
  '76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef',
  'ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c',
  '5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328',
];

test.each(referenceRoots.map((root, size) => [size, root] as const))(
  'the root of the first %i reference leaves is that of RFC 6962',
  (size, root) => {
    const leaves = referenceLeaves.slice(0, size).map((leaf) => hashLeaf(Buffer.from(leaf, 'hex')));
    expect(Buffer.from(rootOf(leaves)).toString('hex')).toBe(root);
  },
);

describe('a proof', () => {
  const leavesOf = (size: number) => Array.from({ length: size }, (_, index) => hashLeaf(Buffer.from(`leaf ${index}`)));

  test('holds for each leaf of each tree up to 70, and for no other place, leaf or size', () => {
    for (let size = 1; size <= 70; size++) {
      const leaves = leavesOf(size);
      const root = rootOf(leaves);
      for (let index = 0; index < size; index++) {
        const proof = inclusionProof(leaves, index);
        const leaf = leaves[index] as Uint8Array;
        const claim = { leaf, index, size, proof, root };
        expect(verifyInclusion(claim)).toBe(true);
        if (size > 1) {
          expect(verifyInclusion({ ...claim, index: (index + 1) % size })).toBe(false);
          expect(verifyInclusion({ ...claim, leaf: leaves[(index + 1) % size] as Uint8Array })).toBe(false);
        }
        expect(verifyInclusion({ ...claim, proof: [...proof, root] })).toBe(false);
        expect(verifyInclusion({ ...claim, proof: proof.slice(1) })).toBe(size === 1);
        expect(verifyInclusion({ ...claim, size: size * 2 })).toBe(false);
      }
    }
  });

  test('does not let an inner node pass for a leaf', () => {
    const leaves = leavesOf(2);
    const node = createHash('sha256').update(Uint8Array.of(1)).update(leaves[0]!).update(leaves[1]!).digest();
    const entry = Buffer.concat([leaves[0]!, leaves[1]!]);
    expect(Buffer.from(rootOf(leaves))).toEqual(node);
    expect(Buffer.from(hashLeaf(entry))).not.toEqual(node);
  });

  const leaf = hashLeaf(Buffer.from('leaf'));
  test.each([
    ['a negative place', { index: -1, size: 1 }],
    ['half a place', { index: 0.5, size: 1 }],
    ['no number', { index: Number.NaN, size: 1 }],
    ['an empty tree', { index: 0, size: 0 }],
    ['a size beyond counting', { index: 0, size: Number.POSITIVE_INFINITY }],
    ['a size beyond whole numbers', { index: 0, size: 2 ** 60 }],
  ])('is false for %s', (_what, claim) => {
    expect(verifyInclusion({ leaf, root: leaf, proof: [], ...claim })).toBe(false);
  });

  test('of a leaf that does not exist is a bug', () => {
    expect(() => inclusionProof([leaf], 1)).toThrow(RangeError);
    expect(() => inclusionProof([], 0)).toThrow(RangeError);
  });
});
