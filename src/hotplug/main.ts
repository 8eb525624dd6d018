import { handle } from './handle.ts';
import { ownMeans } from './means.ts';

handle(process.argv.slice(2), process.env, ownMeans()).then(({ exitCode, message }) => {
  if (message !== undefined) console.error(message);
  process.exitCode = exitCode;
});
