// The same as forms.py, by the parser that fetch has in Node: forms.mjs node PORT.
import { createHash } from "node:crypto";
import { createServer } from "node:http";

async function shown([name, value]) {
  if (typeof value === "string") {
    const data = Buffer.from(value);
    return [name, null, null, data.length, data.toString("hex")];
  }
  const data = Buffer.from(await value.arrayBuffer());
  const content = data.length < 5000 ? data.toString("hex") : createHash("sha256").update(data).digest("hex");
  return [name, value.name, value.type, data.length, content];
}

createServer(async (request, answer) => {
  const pieces = [];
  for await (const piece of request) pieces.push(piece);
  try {
    const headers = { "content-type": request.headers["content-type"] };
    const form = await new Response(Buffer.concat(pieces), { headers }).formData();
    answer.end(JSON.stringify(await Promise.all([...form].map(shown))));
  } catch (problem) {
    answer.writeHead(400).end(String(problem.cause ?? problem));
  }
}).listen(Number(process.argv[3]), "127.0.0.1");
