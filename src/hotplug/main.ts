import { ownMeans } from '../port/means.ts';
import { handle } from './handle.ts';

handle(process.argv.slice(2), process.env, ownMeans()).then(({ exitCode, message }) => {
  if (message !== undefined) console.error(message);
  process.exitCode = exitCode;
});
