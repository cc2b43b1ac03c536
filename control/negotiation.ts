/**
 * Which version of the protocol a client and the supervisor speak with each other.
 *
 * @module
 */
import { ControlError } from "./error.ts";
import { list, object, optional, whole } from "./schema.ts";
import { PROTOCOL_VERSION } from "./version.ts";

/** The versions that this program speaks, as supervisor and as client. */
export const PROTOCOLS: readonly number[] = [PROTOCOL_VERSION];

/** A client that speaks more of them than this was made by mistake. */
const OFFERED = { min: 1, max: 64, noun: "protocol versions", owner: "a client" } as const;

const OFFER = object({
  protocol: optional(
    list(whole("the number of a protocol version", 1, 2 ** 31 - 1), OFFERED),
    "The versions that the client speaks",
  ),
});

/** Chooses of the versions that a client says it speaks the highest that we speak, too; without any our highest. */
export function chooseProtocol(params: unknown, spoken: readonly number[] = PROTOCOLS): number {
  const { protocol: offered = spoken } = OFFER.take(params === undefined ? {} : params, "");
  const common = spoken.filter((version) => offered.includes(version));
  if (common.length > 0) return Math.max(...common);
  const message = `Cannot speak protocol ${offered.join(" or ")}: this supervisor speaks ${spoken.join(", ")}`;
  throw new ControlError("invalid", message, "protocol");
}
