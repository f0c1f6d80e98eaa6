// Keeps a page current while its project is being worked on: shows what is wrong with the code
// until it is mended, and loads the page or its styles again when they have changed.
(() => {
  const SOON = 250;
  const LATE = 4000;
  const STYLE = `
    :host { position: fixed; inset: 0; z-index: 2147483647; }
    div { box-sizing: border-box; height: 100%; overflow: auto; padding: 5vh 5vw;
      background: rgb(20 20 24 / 0.96); color: #e8e8ea; font: 14px/1.5 ui-monospace, Menlo, Consolas, monospace; }
    h1 { margin: 0 0 1em; font: 600 20px/1.3 system-ui, sans-serif; color: #ff7b72; }
    h1::first-letter { text-transform: uppercase; }
    pre { margin: 0; white-space: pre-wrap; overflow-wrap: anywhere; font: inherit; }
    p { margin: 2em 0 0; font: 13px system-ui, sans-serif; color: #9a9aa2; }`;
  const address = new URL("/__partykit/live", document.currentScript.src);
  address.protocol = address.protocol === "https:" ? "wss:" : "ws:";
  const ofRoom = document.currentScript.dataset.of === "room";
  let seen;
  let overlay;
  let wait = SOON;

  function show(problem) {
    overlay?.remove();
    overlay = undefined;
    if (!problem) return;
    overlay = document.createElement("partykit-problem");
    const root = overlay.attachShadow({ mode: "open" });
    const add = (parent, name, text) => {
      const element = parent.appendChild(document.createElement(name));
      element.textContent = text;
      return element;
    };
    add(root, "style", STYLE);
    const box = add(root, "div", "");
    box.setAttribute("role", "alertdialog");
    box.setAttribute("aria-label", problem.title);
    box.tabIndex = -1;
    add(box, "h1", problem.title);
    add(box, "pre", problem.text);
    add(box, "p", `${problem.meanwhile} This closes when the mistake is mended; Esc hides it.`);
    box.addEventListener("keydown", (event) => event.key === "Escape" && overlay?.remove());
    (document.body ?? document.documentElement).append(overlay);
    box.focus({ preventScroll: true });
  }

  function restyle() {
    for (const link of document.querySelectorAll('link[rel~="stylesheet"]')) {
      const fresh = link.cloneNode();
      const url = new URL(link.href);
      if (url.origin !== location.origin) continue;
      url.searchParams.set("partykit-live", seen.styles);
      fresh.href = url.href;
      // The old one stays until the new one is there, so that nothing flickers.
      fresh.addEventListener("load", () => link.remove());
      fresh.addEventListener("error", () => fresh.remove());
      link.after(fresh);
    }
  }

  function connect() {
    const socket = new WebSocket(address);
    socket.addEventListener("message", ({ data }) => {
      wait = SOON;
      const before = seen;
      seen = JSON.parse(data);
      const changed = (what) => before && before[what] !== seen[what];
      if (changed("run") || changed("pages") || (ofRoom && changed("rooms"))) {
        location.reload();
        return;
      }
      if (changed("styles")) restyle();
      if (JSON.stringify(before?.problem ?? null) !== JSON.stringify(seen.problem)) show(seen.problem);
    });
    socket.addEventListener("close", () => {
      setTimeout(connect, wait);
      wait = Math.min(2 * wait, LATE);
    });
  }

  connect();
})();
