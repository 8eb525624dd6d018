import Table from 'cli-table3';
import { MUTANTS, UNOBSERVABLE } from './catalogue.ts';
import type { Mutant } from './mutant.ts';
import { Workshop } from './workshop.ts';

// Takes out one protection at a time; a test has to notice. Usage: mutants.ts [TEXT], only those with TEXT in their name.

const SIDE_BY_SIDE = 2;

const wanted = process.argv[2] ?? '';
const mutants = MUTANTS.filter(({ name }) => name.includes(wanted));
const workshops = await Promise.all(Array.from({ length: SIDE_BY_SIDE }, () => Workshop.open()));
try {
  process.exitCode = (await run(mutants)) ? 0 : 1;
} finally {
  await Promise.all(workshops.map((workshop) => workshop.close()));
}

async function run(mutants: readonly Mutant[]): Promise<boolean> {
  const [first] = workshops;
  const files = [...new Set(mutants.flatMap(({ tests }) => tests))];
  await Promise.all(mutants.map((mutant) => first?.mutate(mutant)));
  await first?.build();
  const failed = await first?.failingTest(files);
  if (failed !== undefined) {
    console.log(`nothing is taken out, and yet "${failed}" fails`);
    return false;
  }
  const catchers = await tryAll(mutants);
  console.log(tableOf(mutants, catchers));
  const survivors = mutants.filter(({ name }) => catchers.get(name) === undefined);
  console.log(`${mutants.length} mutants, ${survivors.length} of them survive`);
  return mutants.length > 0 && survivors.length === 0;
}

/** The test that caught each, by the mutant's name. */
async function tryAll(mutants: readonly Mutant[]): Promise<ReadonlyMap<string, string | undefined>> {
  const catchers = new Map<string, string | undefined>();
  const waiting = [...mutants];
  const work = async (workshop: Workshop) => {
    for (let mutant = waiting.shift(); mutant !== undefined; mutant = waiting.shift()) {
      const catcher = await workshop.catcher(mutant);
      catchers.set(mutant.name, catcher);
      console.log(`${catchers.size}/${mutants.length} ${mutant.name}: ${catcher ?? 'SURVIVES'}`);
    }
  };
  await Promise.all(workshops.map(work));
  return catchers;
}

function tableOf(mutants: readonly Mutant[], catchers: ReadonlyMap<string, string | undefined>): string {
  const table = new Table({
    head: ['without', 'is caught by'],
    colWidths: [70, 70],
    wordWrap: true,
    wrapOnWordBoundary: false,
    style: { head: [], border: [], compact: true },
  });
  table.push(...mutants.map(({ name }) => [name, catchers.get(name) ?? 'NOTHING: it survives']));
  table.push(...UNOBSERVABLE.map(({ name, why }) => [name, `not observable: ${why}`]));
  return table.toString();
}
