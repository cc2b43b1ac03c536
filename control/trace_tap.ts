/**
 * The taps of traces: packet sockets, and a poller of their own beside that of the relay.
 *
 * @module
 */
import { Capture } from "../ffi/capture.ts";
import { Poller } from "../ffi/poller.ts";
import type { OpenTap } from "./tracer.ts";

/** Opens a packet socket that tells `onReadable`. */
export const openTap: OpenTap = (interfaceIndex, group, port, onReadable) => {
  const capture = new Capture(interfaceIndex, group, port);
  const poller = new Poller();
  poller.watch(capture, onReadable);
  return {
    read: () => capture.read(),
    listen: (isListening) => isListening ? poller.watch(capture, onReadable) : poller.forget(capture),
    close: () => void poller[Symbol.asyncDispose]().then(() => capture[Symbol.dispose]()),
  };
};
