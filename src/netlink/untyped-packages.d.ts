/** What vifguard uses of two packages that come without types. */

declare module 'node-netlink' {
  export interface Message {
    readonly header: {
      readonly nlmsg_type: bigint;
      readonly nlmsg_flags: bigint;
      readonly nlmsg_seq: bigint;
      readonly nlmsg_pid: bigint;
    };
    readonly payload: Buffer;
  }

  export interface Request {
    readonly header: { readonly nlmsg_type: bigint; readonly nlmsg_flags: bigint };
    readonly payload: Uint8Array;
  }

  export interface NetlinkSocket {
    readonly nl_pid: bigint;
    /** Rejects with an Error "timeout reached", or with what sendmsg(2) said. */
    tryTalk(request: Request, options: { readonly timeout: number }): Promise<unknown>;
    on(event: 'message', listener: (message: Message) => void): void;
    close(): Promise<void>;
  }

  const netlink: { open(options: { readonly family: number }): Promise<NetlinkSocket> };
  export default netlink;
}

declare module 'syscall-napi' {
  const native: {
    readonly __NR_bind: bigint;
    readonly __NR_flock: bigint;
    readonly __NR_getsockname: bigint;
    readonly __NR_ioctl: bigint;
    readonly __NR_ppoll: bigint;
    readonly __NR_recvfrom: bigint;
    readonly __NR_sendto: bigint;
    readonly __NR_setsockopt: bigint;
    readonly __NR_socket: bigint;
    readonly syscall: {
      /** In the thread pool. */
      (number: bigint, ...args: (bigint | Buffer)[]): Promise<bigint>;
      sync(number: bigint, ...args: (bigint | Buffer)[]): bigint;
    };
  };
  export default native;
}
