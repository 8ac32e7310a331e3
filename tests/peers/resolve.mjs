// Finds packages where install.sh put them: a script's own folder has none.
import { registerHooks } from 'node:module';
import { pathToFileURL } from 'node:url';

const here = new URL('./', import.meta.url).href;
const peers = pathToFileURL(`${process.env.DOORWARD_PEERS}/scripts.mjs`).href;

registerHooks({
  resolve(specifier, context, next) {
    const ours = context.parentURL?.startsWith(here) && !context.parentURL.includes('/node_modules/');
    const packaged = !/^(\.|\/|node:|file:)/.test(specifier);
    return next(specifier, ours && packaged ? { ...context, parentURL: peers } : context);
  },
});
