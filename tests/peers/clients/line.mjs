// What the JavaScript clients share: their command line, and the one line of
// JSON that they print.
//
//   CLIENT SERVER TOKEN [--era modern|legacy|auto] [--call TOOL JSON] [--refused TOOL JSON]
//
// SERVER is a URL, or `stdio:COMMAND ARGUMENT...`. TOKEN may be `-` for none, or
// `@FILE`. The line has `version`, `tools`, and `called` and `refused` with the
// result or the error of each call. The exit code is 0 if `--call` gave a result
// and `--refused` an error (a tool's own error counts), else 1.
import { readFileSync } from 'node:fs';

function parse(words) {
  const [server, token, ...rest] = words;
  if (server === undefined || token === undefined) throw new Error('SERVER and TOKEN are needed');
  const options = { server, token: undefined, era: 'auto', call: undefined, refused: undefined };
  if (token.startsWith('@')) options.token = readFileSync(token.slice(1), 'utf8').trim();
  else if (token !== '-') options.token = token;
  while (rest.length > 0) {
    const word = rest.shift();
    if (word === '--era') options.era = rest.shift();
    else if (word === '--call' || word === '--refused') {
      options[word.slice(2)] = { name: rest.shift(), arguments: JSON.parse(rest.shift() ?? '{}') };
    } else throw new Error(`unknown option \`${word}\``);
  }
  return options;
}

// All that a client can tell about why a call failed.
function told(error) {
  const { name, message, code, data, status } = error;
  return { kind: name, message, code, data, status };
}

async function attempt(connection, call) {
  try {
    const result = await connection.call(call);
    if (!result.isError) return { name: call.name, result };
    return { name: call.name, error: { kind: 'tool', message: result.content?.[0]?.text }, result };
  } catch (error) {
    return { name: call.name, error: told(error) };
  }
}

// The words of `stdio:COMMAND ARGUMENT...`, or undefined for a URL.
export function command(server) {
  return server.startsWith('stdio:') ? server.slice('stdio:'.length).split(' ') : undefined;
}

// What any client answers when it is asked.
export const answer = { action: 'accept', content: { answer: 'blue' } };

export async function main(connect) {
  let line;
  let good = true;
  try {
    const options = parse(process.argv.slice(2));
    const connection = await connect(options);
    const tools = await connection.tools();
    line = { version: connection.version(), tools: tools.map((tool) => tool.name) };
    if (options.call) {
      line.called = await attempt(connection, options.call);
      good &&= line.called.error === undefined;
    }
    if (options.refused) {
      line.refused = await attempt(connection, options.refused);
      good &&= line.refused.error !== undefined;
    }
    await connection.close();
  } catch (error) {
    line = { ...line, failed: told(error) };
    good = false;
  }
  process.stdout.write(`${JSON.stringify(line)}\n`, () => process.exit(good ? 0 : 1));
}
