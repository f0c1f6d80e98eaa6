// The page's behaviour: shows what the room says, sends what the visitor writes.
// Owns the document; the socket and its reconnecting are in connection.js.

import { Connection } from "./connection.js";

const byId = (id) => document.getElementById(id);
const messages = byId("messages");
const scroll = byId("scroll");

/** Who this page is in the room, once the room has said so. */
let me = null;
let connection = null;

function roomName() {
  const hash = location.hash.slice(1);
  try {
    return decodeURIComponent(hash).trim() || "lobby";
  } catch {
    // A lone "%" typed into the address bar.
    return hash;
  }
}

function enter() {
  connection?.end();
  const room = roomName();
  byId("room").value = room;
  document.title = `#${room} · Chat`;
  messages.replaceChildren();
  byId("people").replaceChildren();
  connection = new Connection(room, () => ({ name: byId("name").value }), showState, receive);
}

function showState(state) {
  const words = { connecting: "Connecting", open: "Connected", closed: "Reconnecting soon" };
  byId("state").value = words[state];
  byId("state").dataset.state = state;
  byId("send").disabled = state !== "open";
}

function receive(message) {
  if (message.type === "welcome") {
    me = message.you;
    byId("name").value = me.name;
    messages.replaceChildren();
    for (const old of message.messages) addMessage(old, false);
    showPeople(message.people);
    scroll.scrollTop = scroll.scrollHeight;
  } else if (message.type === "people") {
    showPeople(message.people);
  } else if (message.type === "message") {
    const follows = scroll.scrollHeight - scroll.scrollTop - scroll.clientHeight < 80;
    addMessage(message, true);
    if (follows || message.from === me.id) scroll.scrollTop = scroll.scrollHeight;
  } else if (message.type === "error") {
    showProblem(message.text);
  }
}

function showProblem(text) {
  byId("problem").textContent = text;
  byId("problem").hidden = text === "";
}

function showPeople(people) {
  const items = people.map((person) => {
    const item = document.createElement("li");
    item.textContent = person.id === me?.id ? `${person.name} (you)` : person.name;
    item.style.setProperty("--hue", person.hue);
    return item;
  });
  byId("people").replaceChildren(...items);
}

function addMessage(message, isNew) {
  const item = byId("message-template").content.firstElementChild.cloneNode(true);
  const last = messages.lastElementChild;
  const same =
    last?.dataset.from === message.from &&
    last.dataset.name === message.name &&
    message.at - Number(last.dataset.at) < 5 * 60_000;
  Object.assign(item.dataset, { from: message.from, name: message.name, at: message.at });
  item.style.setProperty("--hue", message.hue);
  item.classList.toggle("same", same);
  item.classList.toggle("new", isNew);
  item.classList.toggle("mine", message.from === me?.id);
  item.querySelector(".who").textContent = message.name;
  item.querySelector(".bubble").textContent = message.text;
  const time = item.querySelector("time");
  time.dateTime = new Date(message.at).toISOString();
  time.textContent = timeOf(message.at);
  messages.append(item);
}

function timeOf(at) {
  const date = new Date(at);
  const today = date.toDateString() === new Date().toDateString();
  return date.toLocaleString([], today ? { timeStyle: "short" } : { dateStyle: "short", timeStyle: "short" });
}

byId("composer").addEventListener("submit", (event) => {
  event.preventDefault();
  const text = byId("text").value;
  if (text.trim() === "") return;
  showProblem("");
  // What could not be sent stays in the field.
  if (connection.send({ type: "message", text })) byId("text").value = "";
  byId("text").focus();
});

byId("text").addEventListener("keydown", (event) => {
  // While an input method composes a character, Enter belongs to it.
  if (event.key !== "Enter" || event.shiftKey || event.isComposing) return;
  event.preventDefault();
  byId("composer").requestSubmit();
});

byId("name").addEventListener("change", () => {
  const name = byId("name").value;
  localStorage.setItem("chat:name", name);
  showProblem("");
  connection.send({ type: "name", name });
});

byId("name").addEventListener("keydown", (event) => {
  if (event.key !== "Enter") return;
  event.preventDefault();
  byId("text").focus();
});

byId("room-form").addEventListener("submit", (event) => {
  event.preventDefault();
  byId("text").focus();
});

byId("room").addEventListener("change", () => {
  location.hash = encodeURIComponent(byId("room").value.trim());
});

byId("invite").addEventListener("click", async () => {
  location.hash = encodeURIComponent(roomName());
  const button = byId("invite");
  try {
    await navigator.clipboard.writeText(location.href);
    button.textContent = "Copied";
  } catch {
    // Browsers keep the clipboard to https and localhost; the address bar is always there.
    button.textContent = "Copy the address";
  }
  setTimeout(() => (button.textContent = "Copy link"), 2000);
});

addEventListener("hashchange", enter);
byId("name").value = localStorage.getItem("chat:name") ?? "";
enter();
