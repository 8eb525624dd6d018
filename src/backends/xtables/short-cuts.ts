import { PROTOCOL } from '../../rules/protocols.ts';
import { pass, type Rule } from '../../rules/rule.ts';

const FREQUENT: readonly unknown[] = [PROTOCOL.tcp, PROTOCOL.udp];
const LAST_PORT = 65_535;

/**
 * The rules of a stage behind which frames pass on, in an order that most frames are soon through with:
 * TCP and UDP first, and of these the ports that no rule is about. Every frame gets the verdict that it
 * would have got.
 */
export function withShortCuts(rules: readonly Rule[]): readonly Rule[] {
  // Rules about different protocols have no frame in common; of others nothing is known.
  if (!rules.every(({ match }) => typeof match.protocol === 'number')) return rules;
  return [
    ...alone(PROTOCOL.tcp, rules),
    ...alone(PROTOCOL.udp, rules),
    ...rules.filter(({ match }) => !FREQUENT.includes(match.protocol)),
  ];
}

/** The rules about one protocol, and then that it passes: no other rule need be asked. */
function alone(protocol: number, rules: readonly Rule[]): readonly Rule[] {
  const about = rules.filter(({ match }) => match.protocol === protocol);
  const start = about.findLastIndex((rule) => portOf(rule) === undefined) + 1;
  return [...about.slice(0, start), ...aroundPorts(protocol, about.slice(start)), pass({ protocol })];
}

/** Above the ports of all rules, and below those of all but the first, there is nothing to look for. */
function aroundPorts(protocol: number, rules: readonly Rule[]): readonly Rule[] {
  const sorted = [...rules].sort((a, b) => (portOf(a) ?? 0) - (portOf(b) ?? 0));
  const ports = sorted.flatMap((rule) => portOf(rule) ?? []);
  const [first, ...others] = sorted;
  const [second, highest] = [ports[1], ports.at(-1)];
  if (first === undefined || !second || highest === undefined || highest === LAST_PORT) return rules;
  return [
    pass({ protocol, destinationPort: [highest + 1, LAST_PORT] }),
    first,
    pass({ protocol, destinationPort: [0, second - 1] }),
    ...others,
  ];
}

/** The one port that decides whether the rule, about a given protocol, matches. */
function portOf({ match }: Rule): number | undefined {
  const { protocol: _, destinationPort, ...others } = match;
  if (destinationPort === undefined || Object.keys(others).length > 0) return undefined;
  const [first, last] = destinationPort;
  return first === last ? first : undefined;
}
