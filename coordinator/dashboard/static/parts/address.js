// What a page is set to, in its address: it is the same after a reload, after Back, and for whom the address is sent to.
// And how far its lists were shown, which is nobody else's: in the history, for a reload and Back.

/** What the address says of a setting, "" for nothing. @param {string} name */
export const fromAddress = (name) => new URLSearchParams(location.search).get(name) ?? "";

/** Into the address of the page that is shown; "" is left out of it. @param {Record<string, string>} settings */
export function toAddress(settings) {
  const query = new URLSearchParams(location.search);
  for (const [name, value] of Object.entries(settings)) {
    if (value) query.set(name, value);
    else query.delete(name);
  }
  history.replaceState(history.state, "", `${location.pathname}${query.size ? `?${query}` : ""}${location.hash}`);
}

const MOST_AGAIN = 20; // pages of a list that are asked for anew, one after the other

/** How many pages of a list were shown when this entry of the history was left. @param {string} list */
export const pagesBefore = (list) => Math.min(history.state?.pages?.[list] ?? 1, MOST_AGAIN);

/** @param {string} list @param {number} shown how many of its pages are */
export function keepPages(list, shown) {
  history.replaceState({ ...history.state, pages: { ...history.state?.pages, [list]: shown } }, "");
}
