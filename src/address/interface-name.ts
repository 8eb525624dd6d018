import { InputError } from '../errors.ts';
import { quote } from './quote.ts';

/** The name of a network device that is safe in a filter rule, a file name and a command line. */
export type InterfaceName = string & { readonly brand: 'InterfaceName' };

/** IFNAMSIZ (linux/if.h) less the closing NUL. */
const LONGEST_INTERFACE = 15;

/** NAME_MAX (linux/limits.h), as iproute2 bounds the name of a network namespace. */
const LONGEST_NETNS = 254;

/** What sysctl(8) has in place of an interface: no link may be called so (sysctl_dev_name_is_allowed). */
const RESERVED = ['all', 'default'];

/**
 * Reads an interface name: 1 to 15 of `A-Z a-z 0-9 _ . -`, not starting with `-`, not dots alone.
 * Narrower than the kernel (`dev_valid_name`), which lets `+`, `%`, `*` and quotes through.
 *
 * @throws InputError for any other text.
 */
export function parseInterfaceName(text: string): InterfaceName {
  if (!isPlainName(text, LONGEST_INTERFACE)) {
    throw new InputError(
      `${quote(text)} is not a usable interface name; take 1 to ${LONGEST_INTERFACE} of A-Z a-z 0-9 _ . - and no "-" in front`,
    );
  }
  if (RESERVED.includes(text)) throw new InputError(`${quote(text)} is a name that no interface may have`);
  return text as InterfaceName;
}

/** A bridge, and the network namespace it lives in when that is not our own. */
export interface BridgeName {
  readonly netns?: string;
  readonly name: InterfaceName;
}

/**
 * Reads the `bridge=` of a vif spec: `xenbr0`, or `tenant-a/br0` for a bridge in a network namespace.
 *
 * @throws InputError when either name is not usable.
 */
export function parseBridgeName(text: string): BridgeName {
  const slash = text.indexOf('/');
  if (slash < 0) return { name: parseInterfaceName(text) };
  const netns = text.slice(0, slash);
  if (!isPlainName(netns, LONGEST_NETNS)) {
    throw new InputError(
      `${quote(netns)} in bridge ${quote(text)} is not a usable network namespace name; take A-Z a-z 0-9 _ . - and no "-" in front`,
    );
  }
  return { netns, name: parseInterfaceName(text.slice(slash + 1)) };
}

function isPlainName(text: string, longest: number): boolean {
  return text.length <= longest && /^[A-Za-z0-9_.][A-Za-z0-9_.-]*$/.test(text) && !/^\.+$/.test(text);
}
