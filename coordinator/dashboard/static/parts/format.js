// Numbers, times and names as people read them.

const WHOLE = new Intl.NumberFormat("en");
const COMPACT = new Intl.NumberFormat("en", { notation: "compact", maximumFractionDigits: 1 });
/** @type {[string, number][]} */
const UNITS = [["d", 86400], ["h", 3600], ["min", 60], ["s", 1]];

export const whole = (/** @type {number} */ number) => WHOLE.format(Math.round(number));
export const compact = (/** @type {number} */ number) => (number < 10000 ? whole(number) : COMPACT.format(number));

/** A speed: one decimal while it is small. */
export const speed = (/** @type {number} */ number) => (number > 0 && number < 10 ? number.toFixed(1) : whole(number));

export const plural = (/** @type {number} */ number, /** @type {string} */ one, many = `${one}s`) => `${whole(number)} ${number === 1 ? one : many}`;

/**
 * Seconds -> the two largest units: 3 h 12 min.
 * @param {number} seconds
 */
export function duration(seconds) {
  let left = Math.max(0, Math.floor(seconds));
  const words = [];
  for (const [name, size] of UNITS) {
    if (words.length && size === 1 && words.length > 1) break;
    const count = Math.floor(left / size);
    if (count || (size === 1 && !words.length)) words.push(`${count} ${name}`);
    else if (words.length) break;
    left -= count * size;
    if (words.length === 2) break;
  }
  return words.join(" ");
}

export const since = (/** @type {number} */ ms, now = Date.now()) => duration((now - ms) / 1000);

/** @param {number} number */
export function bytes(number) {
  const gib = number / 2 ** 30;
  return gib >= 1 ? `${gib.toFixed(gib < 10 ? 1 : 0)} GiB` : `${Math.round(number / 2 ** 20)} MiB`;
}

/**
 * Nano-dollars -> dollars: four digits that count, so that the price of one answer is not $0.00.
 * @param {number} nano
 */
export function dollars(nano) {
  const value = nano / 1e9;
  if (value === 0) return "$0";
  const size = Math.abs(value);
  const digits = size >= 1 ? 2 : Math.min(9, 3 - Math.floor(Math.log10(size)));
  const text = size.toFixed(digits);
  return `${value < 0 ? "−" : ""}$${size < 1 ? text.replace(/0+$/, "").replace(/\.$/, "") : text}`;
}

/** A code of the API or of an issue as words: disk_full -> Disk full. */
export const words = (/** @type {string} */ code) => code.charAt(0).toUpperCase() + code.slice(1).replaceAll(/[_.-]/g, " ");
