// The TypeScript SDK 1.32, which knows the older era alone; see line.mjs.
import { Client } from '@modelcontextprotocol/sdk/client/index.js';
import { StdioClientTransport } from '@modelcontextprotocol/sdk/client/stdio.js';
import { StreamableHTTPClientTransport } from '@modelcontextprotocol/sdk/client/streamableHttp.js';
import { ElicitRequestSchema } from '@modelcontextprotocol/sdk/types.js';
import { answer, command, main } from './line.mjs';

await main(async ({ server, token }) => {
  const client = new Client({ name: 'legacy', version: '1' }, { capabilities: { elicitation: {} } });
  client.setRequestHandler(ElicitRequestSchema, async () => answer);
  const words = command(server);
  const headers = token === undefined ? {} : { authorization: `Bearer ${token}` };
  const transport = words
    ? new StdioClientTransport({ command: words[0], args: words.slice(1), env: process.env, stderr: 'ignore' })
    : new StreamableHTTPClientTransport(new URL(server), { requestInit: { headers } });
  await client.connect(transport);
  return {
    version: () => transport.protocolVersion ?? 'initialize',
    tools: async () => {
      const tools = [];
      let cursor;
      do {
        const page = await client.listTools({ cursor });
        tools.push(...page.tools);
        cursor = page.nextCursor;
      } while (cursor !== undefined);
      return tools;
    },
    call: (call) => client.callTool(call),
    close: async () => {
      await transport.terminateSession?.();
      await client.close();
    },
  };
});
