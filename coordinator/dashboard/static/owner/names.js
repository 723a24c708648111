// What an owner's workers are called: their ids are long, and only those that are here have told their names.

/**
 * id -> name of those of the reader that are connected. Two of one name are told apart by the ends of their ids.
 * @param {any[]} workers of /v1/network
 * @returns {Map<string, string>}
 */
export function ownNames(workers) {
  const mine = workers.filter((one) => one.mine && one.name);
  const alone = (/** @type {string} */ name) => mine.filter((one) => one.name === name).length === 1;
  return new Map(mine.map((one) => [one.id, alone(one.name) ? one.name : `${one.name} (${one.id.slice(-4)})`]));
}
