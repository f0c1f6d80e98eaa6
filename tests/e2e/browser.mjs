// Starts the Chromium that is on the machine. Who starts it closes it.

import { execFileSync } from "node:child_process";
import { chromium } from "playwright-core";

function browserPath() {
  if (process.env.CHROMIUM) return process.env.CHROMIUM;
  const names = ["chromium", "chromium-browser", "google-chrome"];
  for (const name of names) {
    try {
      return execFileSync("sh", ["-c", `command -v ${name}`], { encoding: "utf8" }).trim();
    } catch {
      // The next one, then.
    }
  }
  throw new Error("no Chromium was found; run scripts/setup --test, or name one in CHROMIUM");
}

/** A browser without a window and without anything that calls home. */
export function launch() {
  const quiet = ["--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run"];
  const offline = ["--disable-background-networking", "--disable-component-update", "--disable-sync"];
  return chromium.launch({ executablePath: browserPath(), headless: true, args: [...quiet, ...offline] });
}
