//! What is built from csrc/: libmcr.so for the control plane, mcr-native (worker, generator, sink, launcher), the C unit
//! tests, and the generator of ffi/abi.ts. The tasks of deno.json call it; `zig build --help` lists the steps.

const std = @import("std");
const builtin = @import("builtin");

const zig_version = "0.17.1";

comptime {
    if (!std.mem.eql(u8, builtin.zig_version_string, zig_version)) {
        @compileError("mcr is built with Zig " ++ zig_version ++ " and this is " ++ builtin.zig_version_string ++
            ": run ./dev native, which fetches the right one");
    }
}

/// The data plane: in libmcr.so, in mcr-native and in the unit tests.
const library_sources: []const []const u8 = &.{
    "absorber.c",
    "base.c",
    "capture.c",
    "channel.c",
    "control_socket.c",
    "egress.c",
    "exclusive.c",
    "feature.c",
    "filter.c",
    "filter_plan.c",
    "filter_tree.c",
    "hold.c",
    "input.c",
    "inspect.c",
    "interfaces.c",
    "membership.c",
    "netlink.c",
    "output.c",
    "packet_ring.c",
    "parse.c",
    "process.c",
    "rate.c",
    "reassembly.c",
    "raw_frame.c",
    "route.c",
    "route_compile.c",
    "route_plan.c",
    "sandbox.c",
    "socket_address.c",
    "stats.c",
    "traffic_control.c",
    "uring.c",
    "varying.c",
    "worker.c",
    "worker_control.c",
    "worker_wait.c",
};

/// What only mcr-native has, and the unit tests; its main() is in main.c.
const native_sources: []const []const u8 = &.{
    "address.c",
    "frame.c",
    "gen.c",
    "gen_options.c",
    "gen_report.c",
    "gen_sizes.c",
    "gen_socket.c",
    "histogram.c",
    "image.c",
    "launch.c",
    "options.c",
    "seen.c",
    "sink.c",
    "sink_counters.c",
    "sink_options.c",
    "sink_report.c",
    "sink_socket.c",
    "traffic.c",
    "unpack.c",
};

/// In tests/unit/; main.c there calls them.
const test_sources: []const []const u8 = &.{
    "address_test.c",
    "bpf.c",
    "capture_test.c",
    "channel_test.c",
    "egress_test.c",
    "egress_world.c",
    "filter_match_test.c",
    "filter_test.c",
    "frame_test.c",
    "main.c",
    "hold_test.c",
    "input_test.c",
    "membership_test.c",
    "model.c",
    "output_test.c",
    "packet_ring_test.c",
    "parse_ipv6_test.c",
    "parse_test.c",
    "process_test.c",
    "raw_frame_test.c",
    "rate_test.c",
    "reassembly_test.c",
    "relay_world.c",
    "route_match_test.c",
    "route_test.c",
    "rule_model.c",
    "sandbox_test.c",
    "seen_test.c",
    "stats_test.c",
    "traffic_test.c",
    "uring_test.c",
    "varying_test.c",
    "wire_world.c",
    "worker_match_test.c",
    "worker_test.c",
};

const c_flags: []const []const u8 = &.{
    "-std=c17",
    "-D_GNU_SOURCE",
    "-Wall",
    "-Wextra",
    "-Wshadow",
    "-Wconversion",
    "-Werror",
    "-fvisibility=hidden",
};

pub fn build(b: *std.Build) void {
    const code: Code = .{
        .b = b,
        // The oldest glibc that is still found in the field (Debian 11, RHEL 9 has 2.34), and any CPU of the architecture.
        .target = b.standardTargetOptions(.{ .default_target = .{
            .cpu_arch = builtin.cpu.arch,
            .cpu_model = .baseline,
            .os_tag = .linux,
            .abi = .gnu,
            .glibc_version = .{ .major = 2, .minor = 31, .patch = 0 },
        } }),
        .optimize = b.standardOptimizeOption(.{}),
        .liburing = b.option(
            []const u8,
            "liburing",
            "prefix with include/liburing.h and lib/ARCH-linux-gnu/liburing.a (default: .tools/liburing)",
        ) orelse ".tools/liburing",
    };

    b.installArtifact(code.library());
    b.installArtifact(code.native());
    b.step("test", "Run the C unit tests").dependOn(code.unitTests());
    b.step("abi", "Write PREFIX/abi.ts from csrc/mcr.h").dependOn(code.abi());
}

/// The C code with the settings of this build.
const Code = struct {
    b: *std.Build,
    target: std.Build.ResolvedTarget,
    optimize: std.builtin.Optimize,
    liburing: []const u8,

    fn library(code: Code) *std.Build.Step.Compile {
        const module = code.createModule(code.target, code.optimize, .off);
        module.pic = true;
        code.addSources(module, "csrc", library_sources);
        code.addSources(module, "csrc", &.{"pin.c"});
        const made = code.b.addLibrary(.{ .name = "mcr", .linkage = .dynamic, .root_module = module });
        // An undefined symbol fails the build, not the dlopen.
        made.link_z_defs = true;
        made.setVersionScript(code.b.path("csrc/mcr.map"));
        return made;
    }

    /// Static with musl, so that it runs whatever libc the machine has.
    fn native(code: Code) *std.Build.Step.Compile {
        const module = code.createModule(code.muslTarget(), code.optimize, .off);
        code.addSources(module, "csrc", library_sources);
        code.addSources(module, "csrc", native_sources);
        code.addSources(module, "csrc", &.{"main.c"});
        return code.b.addExecutable(.{ .name = "mcr-native", .root_module = module });
    }

    /// As mcr-native, but always in debug, where undefined behaviour ends the program with a trace and assertions are on.
    fn unitTests(code: Code) *std.Build.Step {
        const module = code.createModule(code.muslTarget(), .debug, .full);
        module.addIncludePath(code.b.path("csrc"));
        code.addSources(module, "csrc", library_sources);
        code.addSources(module, "csrc", native_sources);
        code.addSources(module, "tests/unit", test_sources);
        const run = code.b.addRunArtifact(code.b.addExecutable(.{ .name = "unit-tests", .root_module = module }));
        // A result is never taken from the cache: the tests ask the kernel too.
        run.has_side_effects = true;
        return &run.step;
    }

    fn abi(code: Code) *std.Build.Step {
        const b = code.b;
        // Runs here, whatever is built for: the layouts are the same on all the architectures.
        const target = b.resolveTargetQuery(.{ .cpu_arch = builtin.cpu.arch, .os_tag = .linux, .abi = .musl });
        const header = b.addTranslateC(.{
            .root_source_file = b.path("csrc/mcr.h"),
            .target = target,
            .optimize = .debug,
        });
        const module = b.createModule(.{
            .root_source_file = b.path("build/abi.zig"),
            .target = target,
            .optimize = .debug,
            // Debug information would refer to the functions, which the generator has no use for and does not link.
            .strip = true,
        });
        module.addImport("mcr_h", header.createModule());
        module.addAnonymousImport("mcr_h_source", .{ .root_source_file = header.getOutput() });
        const run = b.addRunArtifact(b.addExecutable(.{ .name = "abi", .root_module = module }));
        const text = run.captureStdOut(.{ .basename = "abi.ts" });
        return &b.addInstallFileWithDir(text, .prefix, "abi.ts").step;
    }

    fn createModule(
        code: Code,
        target: std.Build.ResolvedTarget,
        optimize: std.builtin.Optimize,
        sanitize: std.zig.SanitizeC,
    ) *std.Build.Module {
        const made = code.b.createModule(.{
            .target = target,
            .optimize = optimize,
            .link_libc = true,
            .sanitize_c = sanitize,
            .strip = optimize != .debug,
        });
        code.addLiburing(made, target.result.cpu.arch);
        return made;
    }

    fn addSources(code: Code, made: *std.Build.Module, folder: []const u8, files: []const []const u8) void {
        made.addCSourceFiles(.{ .root = code.b.path(folder), .files = files, .flags = c_flags });
    }

    /// By path, so that it can never become the dynamic library. Of the headers only its own: the whole of
    /// /usr/include would shadow the ones that belong to the targeted libc.
    fn addLiburing(code: Code, made: *std.Build.Module, arch: std.Target.Cpu.Arch) void {
        const b = code.b;
        const prefix: std.Build.LazyPath =
            if (std.fs.path.isAbsolute(code.liburing)) .{ .cwd_relative = code.liburing } else b.path(code.liburing);
        const headers = b.addWriteFiles();
        _ = headers.addCopyFile(prefix.path(b, "include/liburing.h"), "liburing.h");
        _ = headers.addCopyDirectory(prefix.path(b, "include/liburing"), "liburing", .{});
        made.addSystemIncludePath(headers.getDirectory());
        made.addObjectFile(prefix.path(b, b.fmt("lib/{s}-linux-gnu/liburing.a", .{@tagName(arch)})));
    }

    fn muslTarget(code: Code) std.Build.ResolvedTarget {
        var query = code.target.query;
        query.abi = .musl;
        query.glibc_version = null;
        return code.b.resolveTargetQuery(query);
    }
};
