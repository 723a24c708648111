// The commands that make a machine a worker: as a service, with pip, in a container.

import { copied } from "../parts/copy.js";
import { h } from "../parts/dom.js";

const ENGINES = { cpu: "no GPU, or any", vulkan: "AMD, Intel or NVIDIA, with Vulkan", cuda: "NVIDIA, with CUDA" };

/** `served`: what GET /downloads says. */
export function commandsCard(served) {
  return h("li", { class: "card commands" }, h("h2", {}, "2. One command on its machine"),
    served.version ? [...service(served), ...(window.isSecureContext ? pip(served) : [])] : checkout(), served.image ? container(served.image) : null);
}

function service({ installer_sha256: hash, version }) {
  const get = `curl -fsSLO ${origin()}/downloads/install.sh && echo "${hash}  install.sh" | sha256sum -c`;
  return [
    h("h3", {}, "As a service"),
    copied(`${get} && sudo sh install.sh ${origin()}`),
    h("p", { class: "muted" }, `It asks for the key and installs version ${version}; Python 3.11 is all that it needs. Without sudo it installs for you alone. `,
      "The same again upgrades; ", h("code", {}, "--dry-run"), " only says what would be done, ", h("code", {}, "--remove"), " takes it away."),
  ];
}

// What it installs is held against no hash that came another way, so nobody may have changed it underway: TLS, or this machine.
function pip({ engines }) {
  const place = h("div", {});
  const show = (engine) => place.replaceChildren(
    copied(`python3 -m venv supernet && supernet/bin/pip install --index-url ${origin()}/downloads/simple/${engine} "supernet[worker]"`),
    h("p", { class: "muted" }, "Then, with the key in a file:"),
    copied(`supernet/bin/supernet-worker --coordinator ${origin()} --key-file key.txt`));
  const choice = h("select", { id: "engine", onchange: () => show(choice.value) },
    engines.map((name) => h("option", { value: name }, `${name}: ${ENGINES[name] ?? name}`)));
  show(engines[0]);
  return [h("h3", {}, "With pip"), engines.length > 1 ? h("label", { for: "engine" }, "For which GPU", choice) : null, place];
}

function container(image) {
  const options = `-v supernet-models:/models -v supernet-state:/state -e SUPERNET_COORDINATOR=${origin()} -e SUPERNET_KEY_FILE=/key -v ./key.txt:/key:ro`;
  return [h("h3", {}, "In a container"), copied(`docker run --gpus all --stop-timeout 150 ${options} ${image}`), h("p", { class: "muted" }, "With the key in key.txt, which uid 10001 can read.")];
}

function checkout() {
  return [
    h("p", {}, "This coordinator gives no worker out. In a checkout of the source, with the key in a file:"),
    copied(`sudo scripts/install_service --coordinator ${origin()} --key-file key.txt`),
  ];
}

/** Where this page was reached is where a worker reaches the coordinator. */
function origin() {
  return location.origin;
}
