/**
 * The version, in one place. `deno.json` carries the same number; a test compares them.
 *
 * @module
 */

/** Version of the control plane: cli, client and supervisor. */
export const VERSION = "0.1.0";

/** Version of the protocol on the control socket; it changes only when an old client would misread a new supervisor. */
export const PROTOCOL_VERSION = 1;
