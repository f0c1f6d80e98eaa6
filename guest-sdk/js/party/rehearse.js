// Objects like those that every room makes, made once while there is no room yet, and kept.
//
// The engine shares the layout of objects that were made alike, for as long as there is one of
// them. These are in the image that rooms begin with: a room then finds every layout there, instead
// of making them for itself one property after the other.

import { incomingRequest } from "../web/request.js";
import { Response } from "../web/response.js";
import { URL } from "../web/url.js";
import { Connection } from "./connection.js";
import { Party } from "./dispatch.js";
import { Connections, makeRoom } from "./room.js";
import { Section } from "./sections.js";

/** @type {unknown[]} */
const kept = [];

/** Makes them. */
export function rehearse() {
  const connections = new Connections();
  const connection = new Connection(0, "", "", false);
  connections.add(connection);
  connections.join(connection);
  connections.remove(connection);
  const request = incomingRequest("GET", "http://room/", ["host", "room"]);
  const url = new URL("http://room/");
  const room = makeRoom({ id: "", internalID: "", name: "" }, {}, connections);
  kept.push(
    room,
    new Party({}, room, connections, false),
    new Section(0),
    connection,
    request,
    request.headers,
    { request },
    new Response(""),
    url,
    url.searchParams,
    { hibernate: true },
  );
}
