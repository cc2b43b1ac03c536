/* image.c - the kernel's part of execve(), done by hand: mapping segments, laying out the first stack. */
#include "image.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base.h"

#if defined(__x86_64__)
#define MACHINE EM_X86_64
#elif defined(__aarch64__)
#define MACHINE EM_AARCH64
#else
#error "mcr runs on x86_64 and aarch64"
#endif

#define HEADERS_MAX 64u
/* Linux passes about 25 entries; each may be there once. */
#define AUXILIARY_MAX 64u

static uintptr_t round_down(uintptr_t address, uintptr_t alignment)
{
	return address & ~(alignment - 1);
}

static uintptr_t round_up(uintptr_t address, uintptr_t alignment)
{
	return round_down(address + alignment - 1, alignment);
}

static uintptr_t page_bytes(void)
{
	return (uintptr_t)sysconf(_SC_PAGESIZE);
}

static int32_t read_at(int fd, uint64_t offset, void *buffer, size_t bytes)
{
	ssize_t count = pread(fd, buffer, bytes, (off_t)offset);

	if (count < 0)
		return mcr_fail(errno, "Cannot read an ELF file: %s", strerror(errno));
	if ((size_t)count != bytes)
		return mcr_fail(EIO, "Cannot read an ELF file: it ends early");
	return 0;
}

static int32_t read_headers(int fd, uint64_t offset, Elf64_Ehdr *file, Elf64_Phdr *headers)
{
	int32_t status = read_at(fd, offset, file, sizeof(*file));

	if (status < 0)
		return status;
	if (memcmp(file->e_ident, ELFMAG, SELFMAG) != 0 || file->e_ident[EI_CLASS] != ELFCLASS64 ||
	    file->e_type != ET_DYN || file->e_machine != MACHINE || file->e_phentsize != sizeof(*headers) ||
	    file->e_phnum == 0 || file->e_phnum > HEADERS_MAX)
		return mcr_fail(ENOEXEC, "Cannot map an ELF file: not a position-independent program for this CPU");
	return read_at(fd, offset + file->e_phoff, headers, file->e_phnum * sizeof(*headers));
}

/* Address space for all segments together, aligned as the largest of them wants; returns the bias. */
static int32_t reserve(const Elf64_Phdr *headers, uint16_t count, uintptr_t *bias)
{
	uintptr_t low = UINTPTR_MAX, high = 0, alignment = page_bytes();
	uintptr_t start, base, span;
	void *area;

	for (uint16_t i = 0; i < count; i++) {
		if (headers[i].p_type != PT_LOAD)
			continue;
		if (headers[i].p_vaddr < low)
			low = headers[i].p_vaddr;
		if (headers[i].p_vaddr + headers[i].p_memsz > high)
			high = headers[i].p_vaddr + headers[i].p_memsz;
		if (headers[i].p_align > alignment)
			alignment = headers[i].p_align;
	}
	if (low >= high || (alignment & (alignment - 1)) != 0)
		return mcr_fail(ENOEXEC, "Cannot map an ELF file: its segments make no sense");

	low = round_down(low, alignment);
	span = round_up(high - low, page_bytes());
	area = mmap(NULL, span + alignment, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	if (area == MAP_FAILED)
		return mcr_fail(errno, "Cannot reserve %zu bytes of address space: %s", (size_t)span, strerror(errno));
	start = (uintptr_t)area;
	base = round_up(start, alignment);
	if (base > start)
		munmap(area, base - start);
	munmap((void *)(base + span), start + alignment - base);
	*bias = base - low;
	return 0;
}

static int protection_of(const Elf64_Phdr *segment)
{
	return (segment->p_flags & PF_R ? PROT_READ : 0) | (segment->p_flags & PF_W ? PROT_WRITE : 0) |
	       (segment->p_flags & PF_X ? PROT_EXEC : 0);
}

/* Maps one segment into the reserved space: its bytes from the file, zeroes behind them. */
static int32_t map_segment(int fd, uint64_t offset, const Elf64_Phdr *segment, uintptr_t bias)
{
	const uintptr_t page = page_bytes();
	const uintptr_t start = bias + segment->p_vaddr;
	const uintptr_t file_end = start + segment->p_filesz;
	const uintptr_t first_page = round_down(start, page);
	const int protection = protection_of(segment);
	uint64_t file_start = offset + segment->p_offset;
	uintptr_t zero = first_page;

	if ((start - file_start) % page != 0)
		return mcr_fail(ENOEXEC, "Cannot map an ELF file: it was made for pages smaller than this machine's");
	if (segment->p_filesz > 0) {
		file_start -= start - first_page;
		if (mmap((void *)first_page, file_end - first_page, protection, MAP_PRIVATE | MAP_FIXED, fd,
			 (off_t)file_start) == MAP_FAILED)
			return mcr_fail(errno, "Cannot map a segment: %s", strerror(errno));
		zero = round_up(file_end, page);
		if (segment->p_memsz > segment->p_filesz && (protection & PROT_WRITE))
			memset((void *)file_end, 0, zero - file_end);
	}
	if (start + segment->p_memsz > zero &&
	    mmap((void *)zero, round_up(start + segment->p_memsz, page) - zero, protection,
		 MAP_PRIVATE | MAP_FIXED | MAP_ANONYMOUS, -1, 0) == MAP_FAILED)
		return mcr_fail(errno, "Cannot map zeroed memory: %s", strerror(errno));
	return 0;
}

static int32_t read_interpreter(int fd, uint64_t offset, const Elf64_Phdr *header, struct mcr_image *image)
{
	if (header->p_filesz == 0 || header->p_filesz >= sizeof(image->interpreter))
		return mcr_fail(ENOEXEC, "Cannot map an ELF file: the path of its dynamic linker is too long");
	return read_at(fd, offset + header->p_offset, image->interpreter, header->p_filesz);
}

int32_t mcr_image_map(int fd, uint64_t offset, struct mcr_image *image)
{
	Elf64_Phdr headers[HEADERS_MAX];
	Elf64_Ehdr file;
	int32_t status;

	memset(image, 0, sizeof(*image));
	status = read_headers(fd, offset, &file, headers);
	if (status == 0)
		status = reserve(headers, file.e_phnum, &image->bias);
	for (uint16_t i = 0; status == 0 && i < file.e_phnum; i++) {
		const Elf64_Phdr *header = &headers[i];

		if (header->p_type == PT_INTERP)
			status = read_interpreter(fd, offset, header, image);
		if (header->p_type != PT_LOAD)
			continue;
		status = map_segment(fd, offset, header, image->bias);
		if (file.e_phoff >= header->p_offset && file.e_phoff < header->p_offset + header->p_filesz)
			image->headers = image->bias + header->p_vaddr + (file.e_phoff - header->p_offset);
	}
	image->entry = image->bias + file.e_entry;
	image->header_count = file.e_phnum;
	return status;
}

static size_t length_of(char **list)
{
	size_t count = 0;

	while (list[count])
		count++;
	return count;
}

/*
 * What the kernel told this program at its start, with the new program in this one's place. It lies on the stack,
 * behind the environment: /proc/self/auxv, which has the same, is closed to a program with file capabilities.
 */
static int32_t auxiliary_for(const struct mcr_image *program, const struct mcr_image *linker, Elf64_auxv_t *vector)
{
	const Elf64_auxv_t *told = (const Elf64_auxv_t *)(environ + length_of(environ) + 1);
	size_t count = 1;

	while (told[count - 1].a_type != AT_NULL)
		count++;
	if (count > AUXILIARY_MAX)
		return mcr_fail(E2BIG, "Cannot start: the kernel tells more of this process than is known");
	memcpy(vector, told, count * sizeof(*vector));
	for (Elf64_auxv_t *entry = vector; entry->a_type != AT_NULL; entry++) {
		switch (entry->a_type) {
		case AT_PHDR:
			entry->a_un.a_val = program->headers;
			break;
		case AT_PHNUM:
			entry->a_un.a_val = program->header_count;
			break;
		case AT_PHENT:
			entry->a_un.a_val = sizeof(Elf64_Phdr);
			break;
		case AT_ENTRY:
			entry->a_un.a_val = program->entry;
			break;
		case AT_BASE:
			entry->a_un.a_val = linker->bias;
			break;
		default:
			break;
		}
	}
	return (int32_t)count;
}

/* Nothing may be pushed between the new stack and the jump, and the compiler must not believe in a way back. */
__attribute__((noreturn)) static void enter(uintptr_t *stack, uintptr_t entry)
{
#if defined(__x86_64__)
	__asm__ volatile("mov %%rdi, %%rsp\n\t"
			 "xor %%edx, %%edx\n\t" /* no function to run at exit */
			 "xor %%ebp, %%ebp\n\t"
			 "jmp *%%rsi"
			 :
			 : "D"(stack), "S"(entry)
			 : "memory", "rdx");
#else
	__asm__ volatile("mov sp, %0\n\t"
			 "mov x29, #0\n\t"
			 "mov x30, #0\n\t"
			 "mov x0, #0\n\t"
			 "br %1"
			 :
			 : "r"(stack), "r"(entry)
			 : "memory", "x0", "x30");
#endif
	__builtin_unreachable();
}

/*
 * The stack as the ABI wants it at a program's start, low addresses first:
 *
 *      argc | argv ... NULL | environment ... NULL | auxiliary vector ... AT_NULL
 */
int32_t mcr_image_run(const struct mcr_image *program, char **arguments, char **environment)
{
	const size_t argument_count = length_of(arguments), environment_count = length_of(environment);
	Elf64_auxv_t auxiliary[AUXILIARY_MAX];
	struct mcr_image linker;
	uintptr_t *stack, *top;
	int32_t status;
	size_t words;
	int fd;

	fd = open(program->interpreter, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return mcr_fail(errno, "Cannot open the dynamic linker \"%s\": %s; a system with glibc is needed",
				program->interpreter, strerror(errno));
	status = mcr_image_map(fd, 0, &linker);
	close(fd);
	if (status == 0)
		status = auxiliary_for(program, &linker, auxiliary);
	if (status < 0)
		return status;

	words = 1 + argument_count + 1 + environment_count + 1 + 2 * (size_t)status;
	stack = __builtin_alloca_with_align((words + 1) * sizeof(*stack), 128);
	top = stack;
	*top++ = argument_count;
	memcpy(top, arguments, (argument_count + 1) * sizeof(*top));
	top += argument_count + 1;
	memcpy(top, environment, (environment_count + 1) * sizeof(*top));
	top += environment_count + 1;
	memcpy(top, auxiliary, (size_t)status * sizeof(*auxiliary));
	enter(stack, linker.entry);
}
