/** How many of one kind are shown of those that come within a window. */
const SHOWN = 3;
const WINDOW_MS = 5_000;

interface Window {
  count: number;
  readonly end: () => void;
  readonly timer: NodeJS.Timeout;
}

/** Lets the first few of each kind through, and tells at the end of a window how many more there were. */
export class Throttle {
  readonly #windows = new Map<string, Window>();

  /**
   * @param onMore called at the end of the window that this one opens, with how many were not let through.
   * @returns whether to let it through.
   */
  admit(kind: string, onMore: (count: number) => void): boolean {
    const window = this.#windows.get(kind) ?? this.#open(kind, onMore);
    window.count += 1;
    return window.count <= SHOWN;
  }

  /** Ends all windows now. */
  flush(): void {
    for (const { end } of [...this.#windows.values()]) end();
  }

  #open(kind: string, onMore: (count: number) => void): Window {
    const end = () => {
      clearTimeout(window.timer);
      this.#windows.delete(kind);
      if (window.count > SHOWN) onMore(window.count - SHOWN);
    };
    const window: Window = { count: 0, end, timer: setTimeout(end, WINDOW_MS) };
    this.#windows.set(kind, window);
    return window;
  }
}
