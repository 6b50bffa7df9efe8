/** DNS names as certificates may carry them: letters, digits and hyphens (RFC 5280 4.2.1.6, RFC 1034 3.5). */

const LABEL = /^[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?$/;

/** Lower case only, no trailing dot, no wildcard, nothing that a reader could take for an IPv4 address. */
export function isLdhName(name: string): boolean {
  const labels = name.length <= 253 ? name.split('.') : [];
  const isNumeric = /^[0-9]+$/.test(labels[labels.length - 1] ?? '');
  return labels.length > 0 && !isNumeric && labels.every((label) => LABEL.test(label));
}
