// The TypeScript client 2.4, in either era; see line.mjs.
import { Client, StreamableHTTPClientTransport } from '@modelcontextprotocol/client';
import { StdioClientTransport } from '@modelcontextprotocol/client/stdio';
import { answer, command, main } from './line.mjs';

const modes = { modern: { pin: '2026-07-28' }, legacy: 'legacy', auto: 'auto' };

await main(async ({ server, token, era }) => {
  const client = new Client(
    { name: 'modern', version: '1' },
    { capabilities: { elicitation: { form: {} } }, versionNegotiation: { mode: modes[era] } },
  );
  client.setRequestHandler('elicitation/create', async () => answer);
  const words = command(server);
  const headers = token === undefined ? {} : { authorization: `Bearer ${token}` };
  const transport = words
    ? new StdioClientTransport({ command: words[0], args: words.slice(1), env: process.env, stderr: 'ignore' })
    : new StreamableHTTPClientTransport(new URL(server), { requestInit: { headers } });
  await client.connect(transport);
  return {
    version: () => client.getNegotiatedProtocolVersion(),
    // It follows `nextCursor` by itself.
    tools: async () => (await client.listTools()).tools,
    call: (call) => client.callTool(call),
    close: async () => {
      await transport.terminateSession?.();
      await client.close();
    },
  };
});
