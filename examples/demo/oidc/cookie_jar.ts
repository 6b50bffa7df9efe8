/** A browser's memory for one origin: names and values, by path, no more than one sign-in needs. */
export type CookieJar = {
  store: (response: Response) => void;
  /** The Cookie header for a request to this address; empty when there is none to send. */
  headerFor: (address: URL) => string;
};

export function createCookieJar(): CookieJar {
  const cookies = new Map<string, { name: string; value: string; path: string }>();
  return {
    store: (response) => {
      for (const line of response.headers.getSetCookie()) {
        const [pair = '', ...attributes] = line.split(';').map((part) => part.trim());
        const name = pair.slice(0, pair.indexOf('='));
        const value = pair.slice(pair.indexOf('=') + 1);
        const attribute = (wanted: string) =>
          attributes.find((text) => text.toLowerCase().startsWith(`${wanted}=`))?.slice(wanted.length + 1);
        const path = attribute('path') ?? '/';
        const isExpired = Date.parse(attribute('expires') ?? '') < Date.now();
        if (value === '' || isExpired) cookies.delete(`${path} ${name}`);
        else cookies.set(`${path} ${name}`, { name, value, path });
      }
    },
    headerFor: ({ pathname }) =>
      [...cookies.values()]
        .filter(({ path }) => pathname === path || pathname.startsWith(path.endsWith('/') ? path : `${path}/`))
        .map(({ name, value }) => `${name}=${value}`)
        .join('; '),
  };
}
