/** Pages of object names, in the order of their bytes (names are ASCII). */
import { checkLimit, MAX_PAGE_ITEMS } from '../bounds.ts';
import type { ObjectPage } from '../objects.ts';

export function pageOfNames(
  names: readonly string[],
  options: { readonly after?: string; readonly limit?: number } = {},
): ObjectPage {
  const { after } = options;
  const limit = checkLimit(options.limit ?? MAX_PAGE_ITEMS);
  const sorted = names.filter((name) => after === undefined || name > after).sort();
  const page = sorted.slice(0, limit);
  return sorted.length > limit ? { names: page, next: page[page.length - 1] } : { names: page };
}
