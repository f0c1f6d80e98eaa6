// Section 1.3 of the reference: what onRequest does and what the client gets.

import { scenarios } from "../harness/run.mjs";

/** One row of the table: what the handler does, under the words that stand in the table. */
const row = (...hows) => async (stage) => {
  for (const how of hows) {
    stage.saw(how, await stage.answer(`/party/Answers~1?how=${encodeURIComponent(how)}`));
  }
};

export default [
  ...scenarios("class", {
    "1.3 onRequest throws an error": row("error", "async error"),
    "1.3 an error's code is the status": row("418"),
    "1.3 an error's code that is no status": row("code 42", "code text"),
    "1.3 onRequest throws a string": row("string"),
    "1.3 onRequest throws an error without a message": row("empty"),
    "1.3 onRequest returns something that is no Response": row("undefined", "text"),
    "1.3 content types and bodies": row("string body", "json", "no body", "bytes", "params"),

    "1.3 onRequest throws something that is no error": row(
      "null", "number", "object", "object with a code", "Response", "DOMException",
    ),
    "1.3 a Response whose body was read": row("a body used up"),

    "1.3 codes of errors, one by one": async (stage) => {
      const codes = ["200", "204", "304", "199", "599", "600", '"418"', '"x"', "418.7", "null"];
      for (const code of [...codes, "undefined", "NaN", "true", "-1"]) {
        stage.saw(code, await stage.answer(`/party/Answers~2?code=${encodeURIComponent(code)}`));
      }
    },

    "1.3 a content-length that the room set": async (stage) => {
      for (const length of [3, 5, 9]) {
        const how = encodeURIComponent(`a length of ${length}`);
        const { status, headers, body } = await stage.request(`/party/Answers~3?how=${how}`);
        stage.saw(`of ${length}`, { status, length: headers["content-length"] ?? null, body });
      }
    },

    "1.3 headers and cookies of an answer": async (stage) => {
      const { headers } = await stage.request("/party/Answers~1?how=headers");
      const { "x-one": one, "content-type": type, "set-cookie": cookies } = headers;
      stage.saw("headers", { one, type, cookies });
      const redirect = await stage.request("/party/Answers~1?how=redirect");
      stage.saw("redirect", [redirect.status, redirect.headers.location]);
    },

    "1.3 a ReadableStream is a chunked body": async (stage) => {
      const { status, type, headers, body } = await stage.request("/party/Streams~1");
      stage.saw("answer", { status, type, encoding: headers["transfer-encoding"] ?? null, body });
    },

    "1.3 a stream comes piece by piece": async (stage) => {
      const path = "/party/Gates~1";
      const answer = await stage.pieces(`${path}?steps=first,second,third`);
      stage.saw("status", answer.status);
      stage.saw("the first piece, while the others wait", await answer.next());
      for (const step of ["second", "third", "undefined"]) {
        await stage.noted(path, `waits before ${step}`);
        await stage.answer(`${path}?open=next`);
        stage.saw(`when ${step} is let go`, await answer.next());
      }
    },

    "1.3 a stream that fails": async (stage) => {
      for (const how of ["error", "throw", "text"]) {
        const path = `/party/Gates~${how}`;
        const answer = await stage.pieces(`${path}?steps=first,${how}`);
        stage.saw(`${how}: status`, answer.status);
        stage.saw(`${how}: the piece before`, await answer.next());
        await stage.noted(path, `waits before ${how}`);
        await stage.answer(`${path}?open=next`);
        stage.saw(`${how}: then`, await answer.next());
      }
    },

    "1.3 every method reaches onRequest": async (stage) => {
      for (const method of ["GET", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"]) {
        const body = method === "GET" ? undefined : "some text";
        const headers = { "content-type": "text/x-test", "x-test": "yes" };
        if (body) headers["content-length"] = `${body.length}`;
        const path = "/parties/main/Echo~1/below?a=1&a=2&b=%20";
        stage.saw(method, await stage.json(path, { method, body, headers }));
      }
      const head = await stage.request("/party/Echo~1", { method: "HEAD" });
      stage.saw("HEAD", [head.status, head.headers["x-method"], head.body]);
    },
  }),

  ...scenarios("bare", {
    "1.3 a project without onRequest": async (stage) => {
      stage.saw("answer", await stage.answer("/party/any"));
      const client = await stage.connect("/party/any");
      stage.saw("a socket", client.socket.readyState);
    },
  }),

  ...scenarios("field", {
    "1.3 onRequest as a class field": async (stage) => {
      stage.saw("answer", await stage.answer("/party/any"));
    },
  }),
];
