'use strict';
// Runs NAME.bundle.js, the program beside this file, from V8's code cache where there is one for
// this very program and this very node: parsing it anew costs more than all of its work. V8 itself
// refuses a cache that does not fit and compiles as usual.

const { readFileSync } = require('node:fs');
const { Script } = require('node:vm');

const base = __filename.slice(0, -'.cjs'.length);
const filename = `${base}.bundle.js`;
const source = readFileSync(filename, 'utf8');
const id = source.slice('// '.length, source.indexOf('\n'));
const cacheFile = `${base}.${id}.${process.version}-${process.arch}.cache`;

function compile(cachedData) {
  // As node wraps a CommonJS module; on one line, to keep the line numbers of a stack trace.
  const wrapped = `(function (exports, require, module, __filename, __dirname) {${source}\n})`;
  return new Script(wrapped, { filename, cachedData });
}

function readCache() {
  try {
    return readFileSync(cacheFile);
  } catch {
    return undefined;
  }
}

module.exports = { cacheFile, compile };
if (require.main === module) {
  compile(readCache()).runInThisContext()(exports, require, module, filename, __dirname);
}
