/* model.c - see model.h. */
#include "model.h"

#include <dirent.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#define UDP_HEADER_BYTES 8u

struct model_random model_random_from(uint64_t seed)
{
	return (struct model_random){ .seed = seed, .state = seed };
}

uint64_t model_random_next(struct model_random *random)
{
	random->drawn++;
	random->state ^= random->state << 13;
	random->state ^= random->state >> 7;
	random->state ^= random->state << 17;
	return random->state;
}

uint32_t model_random_below(struct model_random *random, uint32_t limit)
{
	return (uint32_t)((model_random_next(random) >> 32) % limit);
}

bool model_random_failed(const struct model_random *random)
{
	fprintf(stderr, "with seed %#llx, after %llu numbers\n", (unsigned long long)random->seed,
		(unsigned long long)random->drawn);
	return false;
}

static void write_be16(uint8_t *to, uint32_t value)
{
	to[0] = (uint8_t)(value >> 8);
	to[1] = (uint8_t)value;
}

static void write_be32(uint8_t *to, uint32_t value)
{
	write_be16(to, value >> 16);
	write_be16(to + 2, value);
}

static uint32_t word_at(const uint8_t *bytes)
{
	return (uint32_t)bytes[0] << 8 | bytes[1];
}

void model_address(uint8_t *address, uint32_t ipv4)
{
	memset(address, 0, 10);
	address[10] = address[11] = 0xff;
	write_be32(address + 12, ipv4);
}

uint16_t model_checksum(const uint8_t *bytes, size_t length, uint32_t sum)
{
	for (size_t i = 0; i < length; i++)
		sum += i % 2 ? bytes[i] : (uint32_t)bytes[i] << 8;
	while (sum >> 16)
		sum = (sum & 0xffff) + (sum >> 16);
	return (uint16_t)~sum;
}

/* The sum over the pseudo header of RFC 768. */
static uint32_t pseudo_sum(const uint8_t *packet, uint32_t udp_length)
{
	return word_at(packet + 12) + word_at(packet + 14) + word_at(packet + 16) + word_at(packet + 18) + 17 +
	       udp_length;
}

void model_packet_seal_header(uint8_t *packet)
{
	const uint32_t header_length = (packet[0] & 15u) * 4;

	write_be16(packet + 10, 0);
	write_be16(packet + 10, model_checksum(packet, header_length, 0));
}

void model_packet_seal_udp(uint8_t *packet, uint32_t length)
{
	const uint32_t header_length = (packet[0] & 15u) * 4;
	uint8_t *udp = packet + header_length;
	uint32_t udp_length;
	uint16_t checksum;

	if (header_length + UDP_HEADER_BYTES > length)
		return;
	udp_length = word_at(udp + 4);
	if (udp_length < UDP_HEADER_BYTES || udp_length > length - header_length)
		return;
	write_be16(udp + 6, 0);
	checksum = model_checksum(udp, udp_length, pseudo_sum(packet, udp_length));
	write_be16(udp + 6, checksum ? checksum : 0xffff);
}

uint32_t model_packet_write(const struct model_packet *packet, uint8_t *to)
{
	const uint32_t header_length = 20 + packet->option_bytes;
	const uint32_t udp_length = UDP_HEADER_BYTES + packet->payload_length;
	uint8_t *udp = to + header_length;
	uint16_t checksum;

	memset(to, 0, header_length + UDP_HEADER_BYTES);
	to[0] = (uint8_t)(0x40 | header_length / 4);
	write_be16(to + 2, header_length + udp_length);
	to[8] = 1;
	to[9] = 17;
	write_be32(to + 12, packet->source);
	write_be32(to + 16, packet->group);
	/* "No operation", as many as there is room for. */
	memset(to + 20, 1, packet->option_bytes);
	model_packet_seal_header(to);

	write_be16(udp, 40000);
	write_be16(udp + 2, packet->port);
	write_be16(udp + 4, udp_length);
	if (packet->payload_length)
		memcpy(udp + UDP_HEADER_BYTES, packet->payload, packet->payload_length);
	checksum = model_checksum(udp, udp_length, pseudo_sum(to, udp_length));
	write_be16(udp + 6, checksum ? checksum : 0xffff);
	return header_length + udp_length;
}

/* RFC 8200, section 8.1. */
static uint32_t pseudo_sum6(const uint8_t *packet, uint32_t udp_length)
{
	uint32_t sum = 17 + udp_length;

	for (uint32_t i = 8; i < 40; i += 2)
		sum += word_at(packet + i);
	return sum;
}

void model_packet6_seal(uint8_t *packet, uint32_t offset)
{
	uint8_t *udp = packet + offset;
	const uint32_t udp_length = word_at(udp + 4);
	uint16_t checksum;

	write_be16(udp + 6, 0);
	checksum = model_checksum(udp, udp_length, pseudo_sum6(packet, udp_length));
	write_be16(udp + 6, checksum ? checksum : 0xffff);
}

uint32_t model_packet6_write(const struct model_packet6 *packet, uint8_t *to)
{
	const uint32_t offset = 40 + packet->extension_bytes, udp_length = UDP_HEADER_BYTES + packet->payload_length;
	uint8_t *udp = to + offset;

	memset(to, 0, offset + UDP_HEADER_BYTES);
	to[0] = 0x60;
	write_be16(to + 4, packet->extension_bytes + udp_length);
	to[6] = packet->extension_bytes ? packet->first : 17;
	to[7] = 1;
	memcpy(to + 8, packet->source, 16);
	memcpy(to + 24, packet->group, 16);
	if (packet->extension_bytes)
		memcpy(to + 40, packet->extensions, packet->extension_bytes);
	write_be16(udp, 40000);
	write_be16(udp + 2, packet->port);
	write_be16(udp + 4, udp_length);
	if (packet->payload_length)
		memcpy(udp + UDP_HEADER_BYTES, packet->payload, packet->payload_length);
	model_packet6_seal(to, offset);
	return offset + udp_length;
}

static bool udp_is_sound(const uint8_t *udp, uint32_t length, uint32_t pseudo, bool needs_checksum)
{
	if (length < UDP_HEADER_BYTES || word_at(udp + 4) != length || word_at(udp + 2) == 0)
		return false;
	if (word_at(udp + 6) == 0)
		return !needs_checksum;
	return model_checksum(udp, length, pseudo) == 0;
}

static bool esp_is_sound(const uint8_t *esp, uint32_t length)
{
	return length >= 8 && (word_at(esp) || word_at(esp + 2));
}

static bool packet4_is_sound(const uint8_t *packet, uint32_t length)
{
	uint32_t header_length, total_length;

	if (length < 20 || packet[0] >> 4 != 4 || (packet[0] & 15) < 5)
		return false;
	header_length = (packet[0] & 15u) * 4;
	total_length = word_at(packet + 2);
	if (length < total_length || total_length < header_length)
		return false;
	if (model_checksum(packet, header_length, 0) != 0 || word_at(packet + 6) & 0x3fff)
		return false;
	if (packet[9] == 50)
		return esp_is_sound(packet + header_length, total_length - header_length);
	return packet[9] == 17 && udp_is_sound(packet + header_length, total_length - header_length,
					       pseudo_sum(packet, total_length - header_length), false);
}

static bool packet6_is_sound(const uint8_t *packet, uint32_t length)
{
	uint32_t next, at = 40, end, headers = 0;

	if (length < 40 || packet[0] >> 4 != 6)
		return false;
	next = packet[6];
	end = 40 + word_at(packet + 4);
	if (end > length)
		return false;
	while (next == 0 || next == 43 || next == 44 || next == 60) {
		uint32_t bytes = 8;

		if (end - at < 8 || ++headers > 8 || (next == 0 && at > 40))
			return false;
		if (next == 44 && word_at(packet + at + 2) & 0xfff9)
			return false;
		if (next != 44)
			bytes += packet[at + 1] * 8u;
		if (bytes > end - at || (next == 43 && packet[at + 3]))
			return false;
		next = packet[at];
		at += bytes;
	}
	if (next == 50)
		return esp_is_sound(packet + at, end - at);
	return next == 17 && udp_is_sound(packet + at, end - at, pseudo_sum6(packet, end - at), true);
}

bool model_packet_is_sound(const uint8_t *packet, uint32_t length, uint32_t version)
{
	return version == 4 ? packet4_is_sound(packet, length) : packet6_is_sound(packet, length);
}

uint8_t *model_cliff(size_t size)
{
	const size_t page = (size_t)sysconf(_SC_PAGESIZE), bytes = (size + page - 1) / page * page;
	uint8_t *memory = mmap(NULL, bytes + page, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	if (memory == MAP_FAILED)
		return NULL;
	mprotect(memory + bytes, page, PROT_NONE);
	return memory + bytes;
}

uint32_t model_fd_count(void)
{
	DIR *directory = opendir("/proc/self/fd");
	uint32_t count = 0;

	if (!directory)
		return 0;
	while (readdir(directory))
		count++;
	closedir(directory);
	return count;
}
