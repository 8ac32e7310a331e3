// A small server on the TypeScript SDK 1.32, over HTTP with sessions: ts_server.mjs [PORT].
// Port 0 (the default) takes a free one; the first line printed is `listening on URL`.
import { randomUUID } from 'node:crypto';
import { createServer } from 'node:http';
import { McpServer } from '@modelcontextprotocol/sdk/server/mcp.js';
import { StreamableHTTPServerTransport } from '@modelcontextprotocol/sdk/server/streamableHttp.js';
import { z } from 'zod';

const says = (text) => ({ content: [{ type: 'text', text }] });

function build() {
  const server = new McpServer({ name: 'ts-peer', version: '1' });
  const text = { text: z.string() };
  server.registerTool('echo', { description: 'answers with its text', inputSchema: text }, async (given) => says(given.text));
  server.registerTool('headers', { description: 'answers with its headers, as JSON' }, async (extra) =>
    says(JSON.stringify(extra.requestInfo?.headers ?? {})),
  );
  server.registerTool('admin', { description: 'does what not everyone may' }, async () => says('done'));
  return server;
}

const sessions = new Map();

// The transport of this request's session, or a new one for a request outside any.
async function transport(id) {
  if (id !== undefined) return sessions.get(id);
  const opened = new StreamableHTTPServerTransport({
    sessionIdGenerator: randomUUID,
    onsessioninitialized: (session) => void sessions.set(session, opened),
    onsessionclosed: (session) => void sessions.delete(session),
  });
  await build().connect(opened);
  return opened;
}

const http = createServer(async (request, response) => {
  const found = await transport(request.headers['mcp-session-id']);
  if (found === undefined) {
    response.writeHead(404).end();
    return;
  }
  await found.handleRequest(request, response);
});

http.listen(Number(process.argv[2] ?? 0), '127.0.0.1', () => {
  console.log(`listening on http://127.0.0.1:${http.address().port}/mcp`);
});
