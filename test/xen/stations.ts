/** A guest as it is allowed to be. */
export interface Station {
  readonly mac: string;
  readonly ip: string;
  readonly ip6: string;
}

/** The n-th ordinary guest, of at most nine. */
export function station(n: number): Station {
  return { mac: `00:16:3e:00:0${n}:00`, ip: `192.0.2.4${n}`, ip6: `2001:db8:0:ffff::4${n}` };
}

export const WEB = station(1);

/** A vif spec; later fields are added as they are. */
export function spec({ mac, ip, ip6 }: Station, ...fields: readonly string[]): string {
  return [`mac=${mac}`, 'bridge=xenbr0', 'script=vif-guard', `ip=${ip} ${ip6}`, ...fields].join(',');
}
