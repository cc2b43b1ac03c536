/**
 * Features of network devices.
 *
 * @module
 */
import { check, cString, native } from "./library.ts";

/** Whether a feature is on. Throws as `setFeature` does. */
export function hasFeature(interfaceIndex: number, feature: string): boolean {
  return check(native.mcr_feature_get(interfaceIndex, cString(feature))) === 1;
}

/**
 * Switches a feature, by the name that `ethtool -k` shows in full; returns whether it was the other way before.
 *
 * @throws {NativeError} `ENOENT` where the kernel has no such feature, `EOPNOTSUPP` where the driver does not let it be
 * switched, `EPERM`, `ENODEV`.
 */
export function setFeature(interfaceIndex: number, feature: string, isOn: boolean): boolean {
  return check(native.mcr_feature_set(interfaceIndex, cString(feature), Number(isOn))) === 1;
}
