/** Pages of object names, in the order of their bytes (names are ASCII). */
import type { ObjectPage } from '../objects.ts';
import { MAX_PAGE_ITEMS } from '../bounds.ts';

export function pageOfNames(
  names: readonly string[],
  options: { readonly after?: string; readonly limit?: number } = {},
): ObjectPage {
  const { after, limit = MAX_PAGE_ITEMS } = options;
  const sorted = names.filter((name) => after === undefined || name > after).sort();
  const page = sorted.slice(0, limit);
  return sorted.length > limit ? { names: page, next: page[page.length - 1] } : { names: page };
}
