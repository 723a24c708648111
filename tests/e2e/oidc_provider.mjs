// A provider of OpenID Connect as other people wrote it (npm's oidc-provider), with one client, that lets in whoever
// writes a name: node oidc_provider.mjs PORT CLIENT SECRET REDIRECT_URI

import http from "node:http";
import { Provider } from "oidc-provider";

const [port, client_id, client_secret, redirect_uri] = process.argv.slice(2);
const provider = new Provider(`http://127.0.0.1:${port}`, {
  clients: [{ client_id, client_secret, redirect_uris: [redirect_uri] }],
  cookies: { keys: ["a key for cookies"] },
  pkce: { required: () => true },
  features: { devInteractions: { enabled: false } },
  interactions: { url: (_, interaction) => `/interaction/${interaction.uid}` },
  findAccount: (_, id) => ({ accountId: id, claims: async () => ({ sub: id }) }),
});
const PAGE = `<!doctype html><html lang="en"><title>Provider</title><form method="post"><label>Name <input name="name" autofocus></label>
<button name="say" value="yes">Continue</button> <button name="say" value="no">Refuse</button></form>`;

/** What somebody does on the provider's own page. */
async function interact(request, response) {
  const { prompt, session, params } = await provider.interactionDetails(request, response);
  if (prompt.name === "consent") {
    const grant = new provider.Grant({ accountId: session.accountId, clientId: params.client_id });
    grant.addOIDCScope("openid");
    return provider.interactionFinished(request, response, { consent: { grantId: await grant.save() } });
  }
  if (request.method === "GET") return response.setHeader("content-type", "text/html").end(PAGE);
  let body = "";
  for await (const piece of request) body += piece;
  const form = new URLSearchParams(body);
  const said = form.get("say") === "no" ? { error: "access_denied" } : { login: { accountId: form.get("name") } };
  return provider.interactionFinished(request, response, said, { mergeWithLastSubmission: false });
}

const serve = provider.callback();
http
  .createServer((request, response) => {
    if (request.url === "/favicon.ico") return response.writeHead(204).end();
    if (!request.url.startsWith("/interaction/")) return serve(request, response);
    interact(request, response).catch((error) => response.writeHead(500).end(String(error)));
  })
  .listen(Number(port), "127.0.0.1", () => console.log("listening"));
