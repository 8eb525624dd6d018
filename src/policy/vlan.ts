import { quote } from '../address/quote.ts';
import { InputError } from '../errors.ts';

/** The last VLAN ID there is: 4095 is reserved, and 0 is none (IEEE 802.1Q table 9-2). */
const LAST_VID = 4094;

/** One term of `vlan=`: an ID, a range, or a start with a step and a count (xl-network-configuration(5)). */
const TERM = /^(?:\d+[pu]?|\d+-\d+u?|\d+\+\d+x\d+u?)$/;

/**
 * Reads `vlan=` in xl's own syntax, as far as it is an access VLAN: one ID, whose frames the guest sends and
 * receives untagged. The mark `p`, or `u`, may stand behind it.
 *
 * @throws InputError for anything else: tagged frames are dropped, so no guest can be on a trunk.
 */
export function parseVlan(text: string): number {
  const terms = text.split('/');
  if (!terms.every((term) => TERM.test(term))) {
    throw new InputError(`${quote(text)} is no VLAN; write its ID, such as vlan=10`);
  }
  const vid = /^(\d+)[pu]?$/.exec(text)?.[1];
  if (vid === undefined) {
    throw new InputError(
      `${quote(text)} is a trunk, and vif-guard lets no tagged frame through; give the guest a vif for each VLAN`,
    );
  }
  const number = Number(vid);
  if (number >= 1 && number <= LAST_VID) return number;
  throw new InputError(`${quote(text)} is no VLAN; its ID is from 1 to ${LAST_VID}`);
}
