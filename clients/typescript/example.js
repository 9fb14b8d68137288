// A receiver that runs: node example.js PORT whsec_…, or with Sayso's public key, whpk_….
// Messages come to /in, and questions about what is held to /read.

import { createServer } from "node:http";

import { MemoryStore, Receiver, Verifier } from "./src/index.js";

const [port = "8000", secret = ""] = process.argv.slice(2);
const BODY_BYTES_MAX = 16 << 20;

const known = secret.startsWith("whpk_") ? { keys: [secret] } : { secrets: [secret] };
const receiver = new Receiver({ verifier: new Verifier(known), store: new MemoryStore() });

const server = createServer(async (request, response) => {
  const chunks = [];
  let length = 0;
  for await (const chunk of request) {
    length += chunk.length;
    if (length > BODY_BYTES_MAX) return response.writeHead(413).end();
    chunks.push(chunk);
  }
  const body = Buffer.concat(chunks);
  const take = { "/in": receiver.receive, "/read": receiver.readBack }[request.url ?? ""];
  const answer = take ? await take.call(receiver, request.headers, body) : { status: 404, body: "" };
  response.writeHead(answer.status, { "content-type": "application/json" }).end(answer.body);
});

server.listen(Number(port), "127.0.0.1", () => {
  const address = server.address();
  const own = typeof address === "object" && address ? address.port : port;
  console.log(`listening on http://127.0.0.1:${own}/in`);
});
