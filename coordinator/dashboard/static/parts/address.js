// What a page is set to, in its address: it is the same after a reload, after Back, and for whom the address is sent to.

/** What the address says of a setting, "" for nothing. @param {string} name */
export const fromAddress = (name) => new URLSearchParams(location.search).get(name) ?? "";

/** Into the address of the page that is shown; "" is left out of it. @param {Record<string, string>} settings */
export function toAddress(settings) {
  const query = new URLSearchParams(location.search);
  for (const [name, value] of Object.entries(settings)) {
    if (value) query.set(name, value);
    else query.delete(name);
  }
  history.replaceState(null, "", `${location.pathname}${query.size ? `?${query}` : ""}${location.hash}`);
}
