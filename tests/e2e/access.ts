/**
 * Whether, and how, this process may make network namespaces: as it is, inside a user namespace of its own, or not.
 *
 * @module
 */
import { run } from "./process.ts";

/** `direct`: just do it; `user`: in a process started by `inUserNamespace()`; `none`: not, for that reason. */
export type Access =
  | { readonly kind: "direct" }
  | { readonly kind: "user" }
  | { readonly kind: "none"; readonly reason: string };

/** Kernel settings that forbid user namespaces when they have this value, and how to change them. */
const LOCKS = [
  { path: "/proc/sys/kernel/unprivileged_userns_clone", shut: "0", open: "kernel.unprivileged_userns_clone=1" },
  {
    path: "/proc/sys/kernel/apparmor_restrict_unprivileged_userns",
    shut: "1",
    open: "kernel.apparmor_restrict_unprivileged_userns=0",
  },
  { path: "/proc/sys/user/max_user_namespaces", shut: "0", open: "user.max_user_namespaces=1000" },
] as const;

/** Tries it out. */
export async function findAccess(): Promise<Access> {
  const missing = await findMissing();
  if (missing !== null) return { kind: "none", reason: missing };
  const name = `mcr-${Deno.pid}-access`;
  const made = await run(["ip", "netns", "add", name]);
  if (made.code === 0) {
    await run(["ip", "netns", "del", name]);
    return { kind: "direct" };
  }
  const probe = await run(inUserNamespace(["sh", "-c", `ip netns add ${name} && ip netns exec ${name} true`]));
  if (probe.code === 0) return { kind: "user" };
  const why = (probe.stderr || made.stderr).trim().split("\n")[0];
  return { kind: "none", reason: `Cannot make network namespaces: ${why}; ${await findAdvice()}` };
}

/**
 * Why this kernel has no interfaces of a type, or null where it has. `link` is what `ip link add` makes one by, in a
 * namespace of its own, where it may stand on an Ethernet `under0`: `"link", "under0", "name", "probe", "type", "macvlan"`.
 */
export async function findMissingLink(access: Access, ...link: string[]): Promise<string | null> {
  if (access.kind === "none") return access.reason;
  const add = ["sh", "-ec", 'ip link add under0 type veth; ip link add "$@"', "sh", ...link];
  const { code, stderr } = await run(
    access.kind === "user" ? inUserNamespace(add) : ["unshare", "--net", "--", ...add],
  );
  return code === 0 ? null : `Cannot make such an interface: ${stderr.trim().split("\n")[0]}`;
}

/** The command line that runs `argv` as root of a new user namespace, with a /run where `ip netns` can keep its names. */
export function inUserNamespace(argv: readonly string[]): string[] {
  const prepare = 'mount -t tmpfs tmpfs /run && mkdir -p /run/netns && exec "$@"';
  return ["unshare", "--user", "--map-root-user", "--net", "--mount", "--", "sh", "-c", prepare, "sh", ...argv];
}

/** Which command is not there, and the package that has it. */
async function findMissing(): Promise<string | null> {
  for (const [command, name] of [["ip", "iproute2"], ["unshare", "util-linux"]] as const) {
    try {
      await run([command, "-V"]);
    } catch (error) {
      if (!(error instanceof Deno.errors.NotFound)) throw error;
      return `Cannot make network namespaces: the command "${command}" is missing; install ${name}`;
    }
  }
  return null;
}

/** What would allow it. */
async function findAdvice(): Promise<string> {
  for (const { path, shut, open } of LOCKS) {
    const value = await Deno.readTextFile(path).catch(() => "");
    if (value.trim() === shut) return `be root, or allow user namespaces with "sudo sysctl -w ${open}"`;
  }
  return "be root, in a container with CAP_SYS_ADMIN and CAP_NET_ADMIN, or where user namespaces are allowed";
}
