export type Violation = {
  rule:
    | 'layer-order' // a package uses one that is not below it
    | 'deep-import' // past another package's exports
    | 'undeclared-dependency' // works only because something else installed it
    | 'testing-in-production' // a package's test support outside tests
    | 'fenced-dependency' // a dependency that only some folders may load
    | 'impure' // I/O, clock or chance in pure code
    | 'unknown-package' // a package without a row in the table
    | 'machine-trace'; // a path or host that exists on one machine only
  path: string;
  line: number;
  detail: string;
};

/** Tests and test support are exempt from order and purity; they ship with nothing. */
export function isTestFile(path: string): boolean {
  return /\.test\.ts$/.test(path) || /^test\/|^packages\/[^/]+\/test\/|\/testing\//.test(path);
}
