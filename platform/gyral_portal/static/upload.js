// Takes a file that is dropped on the submission form, and sends a large one in pieces; it goes on where a broken connection or a
// reload left off. Without it the file is chosen from a dialogue, and the form sends it whole.
"use strict";
(() => {
  const form = document.querySelector("form[data-uploads]");
  if (!form || !window.fetch) return;
  const [file, upload, name, token] = ["file", "upload", "upload_name", "csrfmiddlewaretoken"].map((n) => form.elements[n]);
  const box = document.getElementById("upload-progress");
  const bar = box.querySelector("progress"), said = box.querySelector("[role=status]");
  const button = form.querySelector("button[type=submit]");
  const piece = Number(form.dataset.piece), retries = 6;

  class Refused extends Error {}
  const wait = (seconds) => new Promise((resume) => setTimeout(resume, 1000 * seconds));
  const mib = (bytes) => (bytes / 2 ** 20).toFixed(1);
  const keyOf = (one) => `gyral-upload:${one.name}:${one.size}:${one.lastModified}`;
  const kept = {  // A browser may forbid it: then a reload begins anew.
    get: (key) => { try { return localStorage.getItem(key); } catch { return null; } },
    set: (key, value) => { try { localStorage.setItem(key, value); } catch { /* see above */ } },
  };

  async function ask(method, address, body) {
    const answer = await fetch(address, { method, body, headers: { "X-CSRFToken": token.value }, redirect: "error" });
    if (answer.status === 404) return null;
    if (answer.status >= 500) throw new TypeError(`status ${answer.status}`);
    const told = await answer.json().catch(() => ({ what: `The site answered ${answer.status}.` }));
    if (answer.status === 409) return ask("GET", address.split("?")[0]);  // the piece came through after all, or still does
    if (!answer.ok) throw new Refused([told.what, told.mend].filter(Boolean).join(" "));
    return told;
  }

  async function begin(one) {
    const fields = new FormData();
    fields.set("format", new FormData(form).get("format") || "");
    const told = await ask("POST", form.dataset.uploads, fields);
    kept.set(keyOf(one), told.address);
    return told;
  }

  function show(at, one, words) {
    box.hidden = false;
    bar.max = one.size;
    bar.value = at.received;
    said.textContent = words || `${mib(at.received)} of ${mib(one.size)} MiB are here.`;
  }

  async function send(one) {
    const before = kept.get(keyOf(one));
    let at = (before && (await ask("GET", before))) || (await begin(one)), failed = 0;
    while (at.received < one.size) {
      show(at, one);
      try {
        const next = await ask("PUT", `${at.address}?offset=${at.received}`, one.slice(at.received, at.received + piece));
        if (!next) throw new Refused("The upload is no longer here. Send the form again to begin anew.");
        if (next.received === at.received) await wait(1);  // another tab is writing it
        at = next;
        failed = 0;
      } catch (error) {
        if (error instanceof Refused || ++failed > retries) throw error;
        show(at, one, `The connection broke at ${mib(at.received)} MiB; trying again.`);
        await wait(Math.min(2 ** failed, 30) / 2);
        at = (await ask("GET", at.address).catch(() => null)) || at;
      }
    }
    show(at, one);
    return at;
  }

  const zone = file.closest("fieldset"), drop = document.getElementById("drop");
  const asked = drop.textContent;
  const brings = (event) => event.dataTransfer && [...event.dataTransfer.types].includes("Files");

  function take(dropped) {
    const one = dropped.files[0], entry = dropped.items[0] && dropped.items[0].webkitGetAsEntry();
    if (dropped.files.length > 1) return "One file, please: zip several, and drop the zip.";
    if (!one || (entry && entry.isDirectory)) return "That is no file: zip a folder, and drop the zip.";
    file.files = dropped.files;
    file.dispatchEvent(new Event("change", { bubbles: true }));
    return `${one.name} is chosen.`;
  }

  drop.hidden = false;
  // Everywhere, since a browser leaves the page, and all that was typed, for a file that is dropped beside the box.
  document.addEventListener("dragover", (event) => {
    if (!brings(event)) return;
    event.preventDefault();
    const inside = zone.contains(event.target) && !file.disabled;
    zone.classList.toggle("dropping", inside);
    event.dataTransfer.dropEffect = inside ? "copy" : "none";
  });
  document.addEventListener("dragleave", (event) => {
    if (!event.relatedTarget || !zone.contains(event.relatedTarget)) zone.classList.remove("dropping");
  });
  document.addEventListener("drop", (event) => {
    if (!brings(event)) return;
    event.preventDefault();
    zone.classList.remove("dropping");
    if (zone.contains(event.target) && !file.disabled) drop.textContent = take(event.dataTransfer);
  });

  file.addEventListener("change", () => {
    upload.value = name.value = "";
    drop.textContent = asked;
  });
  form.addEventListener("submit", async (event) => {
    const one = file.files[0];
    if (!one || one.size <= piece) return;
    event.preventDefault();
    button.disabled = true;
    try {
      const at = await send(one);
      [upload.value, name.value, file.disabled] = [at.id, one.name, true];
      form.submit();
    } catch (error) {
      box.hidden = false;
      said.textContent = error instanceof Refused ? error.message
        : "The connection broke. What has arrived is kept: press Submit to go on, also after a reload, with the same file.";
      button.disabled = false;
    }
  });
})();
