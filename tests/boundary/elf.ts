/**
 * What the tests have to know of a 64-bit little-endian ELF file: its dynamic symbols and the strings beside them.
 *
 * @module
 */

const SECTION_DYNSYM = 11;
const SYMBOL_BYTES = 24;
const UNDEFINED = 0;

interface Section {
  readonly type: number;
  readonly offset: number;
  readonly bytes: number;
  readonly link: number;
}

/** The dynamic symbols of an ELF file. */
export class DynamicSymbols {
  /** Names that the file defines for others. */
  readonly exported: readonly string[];
  /** All strings of the symbol table: names, and the versions and libraries that the file needs. */
  readonly strings: readonly string[];

  constructor(file: Uint8Array) {
    const view = new DataView(file.buffer, file.byteOffset, file.byteLength);
    const sections = readSections(view);
    const symbols = sections.find(({ type }) => type === SECTION_DYNSYM);
    if (symbols === undefined) throw new TypeError("Cannot read the ELF file: it has no dynamic symbols");
    const table = sections[symbols.link]!;
    const text = file.subarray(table.offset, table.offset + table.bytes);

    const exported = [];
    for (let at = symbols.offset + SYMBOL_BYTES; at < symbols.offset + symbols.bytes; at += SYMBOL_BYTES) {
      if (view.getUint16(at + 6, true) !== UNDEFINED) exported.push(stringAt(text, view.getUint32(at, true)));
    }
    this.exported = exported;
    this.strings = new TextDecoder().decode(text).split("\0");
  }
}

function readSections(view: DataView): Section[] {
  const table = Number(view.getBigUint64(40, true));
  const entryBytes = view.getUint16(58, true);
  const count = view.getUint16(60, true);
  return Array.from({ length: count }, (_, index) => {
    const at = table + index * entryBytes;
    return {
      type: view.getUint32(at + 4, true),
      offset: Number(view.getBigUint64(at + 24, true)),
      bytes: Number(view.getBigUint64(at + 32, true)),
      link: view.getUint32(at + 40, true),
    };
  });
}

function stringAt(text: Uint8Array, offset: number): string {
  return new TextDecoder().decode(text.subarray(offset, text.indexOf(0, offset)));
}
