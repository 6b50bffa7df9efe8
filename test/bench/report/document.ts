/** `docs/benchmarks.md`: one section per benchmark between markers, replaced by each run of that benchmark alone. */

const PREAMBLE = `# Benchmarks

Written by \`npm run bench\`; what stands between the markers is replaced by the next run of that benchmark. Medians of
alternating runs, in parentheses the lowest and highest run. CPU time is user and system time of all threads.
`;

/** The document with the section of `bench` replaced, or added at its end; everything else stays as it is. */
export function replaceSection(document: string, bench: string, section: string): string {
  const [begin, end] = [`<!-- bench:${bench} -->`, `<!-- /bench:${bench} -->`];
  const block = `${begin}\n${section.trim()}\n${end}`;
  const text = document === '' ? PREAMBLE : document;
  const from = text.indexOf(begin);
  const to = text.indexOf(end);
  if (from === -1 && to === -1) return `${text.trimEnd()}\n\n${block}\n`;
  // Replacing up to the wrong place would delete what somebody wrote.
  if (from === -1 || to < from) throw new Error(`the markers of ${bench} do not form a pair`);
  return text.slice(0, from) + block + text.slice(to + end.length);
}
