// The rest of a room of the tests of export and import: `cases`, names and makers of values, stand
// in front of it.

/** All that can be seen of a value, as text. Objects are numbered as they are met. */
function told(value, met = new Map()) {
  if (typeof value === "bigint") return `${value}n`;
  if (typeof value === "number") return Object.is(value, -0) ? "-0" : `${value}`;
  if (typeof value === "string") return JSON.stringify(value);
  if (value === null || typeof value !== "object") return `${value}`;
  if (met.has(value)) return `#${met.get(value)}`;
  met.set(value, met.size);
  const inner = (value) => told(value, met);
  const own = () => Object.keys(value).map((key) => `${JSON.stringify(key)}:${inner(value[key])}`);
  const kind = Object.prototype.toString.call(value).slice(8, -1);
  if (value instanceof Map) return `Map{${[...value].map(([k, v]) => `${inner(k)}=>${inner(v)}`)}}`;
  if (value instanceof Set) return `Set{${[...value].map(inner)}}`;
  if (value instanceof Date) return `Date(${value.getTime()})`;
  if (value instanceof RegExp) return `RegExp(${value})`;
  if (value instanceof Error) {
    const cause = "cause" in value ? inner(value.cause) : "";
    const message = Object.hasOwn(value, "message") ? inner(value.message) : "";
    return `${Object.getPrototypeOf(value).name}(${message},${inner(value.stack)},${cause})`;
  }
  if (value instanceof ArrayBuffer) {
    return `Buffer(${[...new Uint8Array(value)]};${value.resizable ? value.maxByteLength : ""})`;
  }
  if (ArrayBuffer.isView(value)) {
    return `${kind}(${value.byteOffset},${value.byteLength},${inner(value.buffer)})`;
  }
  if (["Number", "String", "Boolean", "BigInt"].includes(kind)) {
    return `${kind}(${told(value.valueOf())})`;
  }
  if (Array.isArray(value)) return `Array(${value.length}){${own()}}`;
  return `{${own()}}`;
}

/** As they are stored: plain objects of classes, errors of the constructors that there are. */
const make = (maker) => structuredClone(maker() ?? { nothing: maker() });

export default class Server {
  constructor(room) {
    this.room = room;
  }

  async onAlarm() {
    console.log("rings with", await this.room.storage.get("key"));
  }

  async onRequest(request) {
    const { storage } = this.room;
    switch (new URL(request.url).search) {
      case "?alarm":
        await storage.setAlarm(4102444800000);
        return new Response(`${await storage.getAlarm()}`);
      case "?when":
        return new Response(`${await storage.getAlarm()}`);
      case "?store":
        for (const [name, maker] of cases) await storage.put(name, make(maker));
        return new Response("stored");
      case "?spoil":
        await storage.put("negative zero", 0);
        await storage.put("sparse", [1, undefined, 3]);
        await storage.put("shared", [{ n: 1 }, { n: 1 }, { a: { n: 1 } }]);
        return new Response("stored");
      default: {
        const differing = [];
        for (const [name, maker] of cases) {
          if (told(await storage.get(name)) !== told(make(maker))) differing.push(name);
        }
        return Response.json(differing.sort());
      }
    }
  }
}
