import { quote } from '../address/quote.ts';
import { InputError } from '../errors.ts';
import type { PortKind } from '../port/registry.ts';
import { parseVifPath } from '../xenstore/vif-record.ts';

/** What xl calls the script for (libxl_linux.c, libxl__get_hotplug_script_info). */
export interface HotplugEvent {
  readonly kind: PortKind;
  readonly action: 'attach' | 'detach';
  /** The device as xl or QEMU made it: `vif1.0`, or `vif1.0-emu` for a tap. */
  readonly device: string;
  /** Relative to the domain's own path. */
  readonly backendPath: string;
}

const ACTIONS = {
  'online vif': 'attach',
  'offline vif': 'detach',
  'add tap': 'attach',
  'remove tap': 'detach',
} as const;

/** xl announces each device twice: vifs are handled at online/offline, taps at add/remove; these are ignored. */
const IGNORED = ['online tap', 'offline tap', 'add vif', 'remove vif'];

/**
 * Reads what xl passes. Undefined for an event with nothing to do.
 *
 * @throws InputError when it is not called as xl calls it.
 */
export function parseEvent(argv: readonly string[], env: NodeJS.ProcessEnv): HotplugEvent | undefined {
  const [verb = '', type = ''] = argv;
  const name = `${verb} ${type.replace(/^type_if=/, '')}`;
  if (IGNORED.includes(name)) return undefined;
  if (!isAction(name) || !type.startsWith('type_if=')) {
    throw new InputError(
      `${quote(argv.join(' '))} is no hotplug event; xl calls "vif-guard online type_if=vif". For yourself there is "vifguard"`,
    );
  }
  const kind = name.endsWith('tap') ? 'tap' : 'vif';
  const device = required(env, kind === 'tap' ? 'INTERFACE' : 'vif');
  const backendPath = required(env, 'XENBUS_PATH');
  parseVifPath(backendPath);
  return { kind, action: ACTIONS[name], device, backendPath };
}

function isAction(name: string): name is keyof typeof ACTIONS {
  return Object.hasOwn(ACTIONS, name);
}

function required(env: NodeJS.ProcessEnv, name: string): string {
  const value = env[name];
  if (value === undefined || value === '')
    throw new InputError(`${name} is not set; xl sets it for a hotplug script`);
  return value;
}
