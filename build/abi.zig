//! Writes ffi/abi.ts: what TypeScript has to know of csrc/mcr.h, taken from the compiler's own view of that header
//! (`zig translate-c`), so that no size, offset, value or signature is written down twice.
//!
//! Only names that begin with mcr_ or MCR_ are looked at. What has no form in TypeScript and does not matter there
//! (function-like macros, attributes) is left out; a type that must not cross the boundary fails the build.

const std = @import("std");
const h = @import("mcr_h");

/// The text of the translated header: the only place that tells which macros could not be translated.
const source = @embedFile("mcr_h_source");

const preamble =
    \\// Made from csrc/mcr.h by `./dev abi`; do not edit.
    \\
    \\// deno-lint-ignore-file camelcase
    \\
    \\
;

pub fn main(init: std.process.Init) !void {
    var buffer: [4096]u8 = undefined;
    var file = std.Io.File.stdout().writer(init.io, &buffer);
    const out = &file.interface;

    try out.writeAll(preamble);
    try writeConstants(out);
    try writeStructs(out);
    try writeSymbols(out);
    try out.flush();
}

/// Enumeration values and macros that are an integer or a string.
fn writeConstants(out: *std.Io.Writer) !void {
    inline for (comptime constants()) |name| {
        const value = @field(h, name);
        switch (@typeInfo(@TypeOf(value))) {
            .int, .comptime_int => try writeInteger(out, name, value),
            .pointer => if (value.len > 0) try out.print("export const {s} = \"{s}\";\n", .{ name, value }),
            else => {},
        }
    }
}

/// Integers that a JavaScript number cannot hold exactly become bigints.
fn writeInteger(out: *std.Io.Writer, name: []const u8, comptime value: comptime_int) !void {
    const suffix = if (value > std.math.maxInt(u53) or value < -std.math.maxInt(u53)) "n" else "";
    try out.print("export const {s} = {d}{s};\n", .{ name, value, suffix });
}

/// One object for each struct: `sizeof`, the offset of each field, and of an array also its length and element size.
fn writeStructs(out: *std.Io.Writer) !void {
    inline for (comptime namesWith("struct_mcr_")) |name| {
        const Type = @field(h, name);
        if (@typeInfo(Type) == .@"opaque") continue;
        try out.print("\nexport const {s} = {{\n  sizeof: {d},\n", .{ name["struct_".len..], @sizeOf(Type) });
        const info = @typeInfo(Type).@"struct";
        inline for (info.field_names, info.field_types) |field, Field| {
            try out.print("  {s}: {d},\n", .{ field, @offsetOf(Type, field) });
            if (@typeInfo(Field) != .array) continue;
            const array = @typeInfo(Field).array;
            try out.print("  {s}_count: {d},\n  {s}_stride: {d},\n", .{ field, array.len, field, @sizeOf(array.child) });
        }
        try out.writeAll("} as const;\n");
    }
}

/// The functions, in the form that `Deno.dlopen` takes.
fn writeSymbols(out: *std.Io.Writer) !void {
    try out.writeAll("\nexport const symbols = {\n");
    inline for (comptime namesWith("mcr_")) |name| {
        if (@TypeOf(@field(h, name)) == type) continue;
        const function = @typeInfo(@TypeOf(@field(h, name))).@"fn";
        try out.print("  {s}: {{ parameters: [", .{name});
        inline for (function.param_types, 0..) |Parameter, index| {
            try out.print("{s}\"{s}\"", .{ if (index == 0) "" else ", ", comptime parameterType(name, Parameter.?) });
        }
        try out.print("], result: \"{s}\" }},\n", .{comptime resultType(name, function.return_type.?)});
    }
    try out.writeAll("} as const satisfies Deno.ForeignLibraryInterface;\n");
}

/// A typed pointer is a buffer of the caller's. `void *` and pointers to opaque structs are addresses C handed out.
fn parameterType(comptime function: []const u8, comptime Type: type) []const u8 {
    if (scalarType(Type)) |text| return text;
    const info = pointerInfo(Type) orelse @compileError(function ++ ": " ++ @typeName(Type) ++ " cannot cross the boundary");
    if (info.attrs.@"const") return "buffer";
    return if (@typeInfo(info.child) == .@"opaque") "pointer" else "buffer";
}

fn resultType(comptime function: []const u8, comptime Type: type) []const u8 {
    if (Type == void) return "void";
    if (scalarType(Type)) |text| return text;
    if (pointerInfo(Type) != null) return "pointer";
    @compileError(function ++ ": " ++ @typeName(Type) ++ " cannot cross the boundary");
}

fn scalarType(comptime Type: type) ?[]const u8 {
    return switch (Type) {
        u32 => "u32",
        i32 => "i32",
        u64 => "u64",
        else => null,
    };
}

fn pointerInfo(comptime Type: type) ?std.lang.Type.Pointer {
    return switch (@typeInfo(Type)) {
        .pointer => |info| info,
        .optional => |info| pointerInfo(info.child),
        else => null,
    };
}

/// The header's declarations whose names begin with the prefix, in its order.
fn namesWith(comptime prefix: []const u8) []const []const u8 {
    @setEvalBranchQuota(1_000_000);
    var names: []const []const u8 = &.{};
    for (std.meta.declarations(h)) |name| {
        if (std.mem.startsWith(u8, name, prefix)) names = names ++ .{name};
    }
    return names;
}

/// The enumeration values and object-like macros. An untranslated one is a declaration that fails the build as soon as
/// it is looked at, which only the text can tell beforehand.
fn constants() []const []const u8 {
    @setEvalBranchQuota(10_000_000);
    const declaration = "pub const ";
    var names: []const []const u8 = &.{};
    var lines = std.mem.splitScalar(u8, source, '\n');
    while (lines.next()) |line| {
        if (!std.mem.startsWith(u8, line, declaration ++ "MCR_")) continue;
        if (std.mem.find(u8, line, "= @compileError(") != null) continue;
        names = names ++ .{line[declaration.len..std.mem.findAnyPos(u8, line, declaration.len, ": =").?]};
    }
    return names;
}
