/* unpack.c - the cache directory of MCR_RUNTIME=cache: written beside its final place, then renamed into it. */
#include "unpack.h"

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/sendfile.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base.h"

/* One file of the directory, and what goes into it. */
struct part {
	const char *name;
	struct mcr_payload payload;
	mode_t mode;
};

enum { PART_COUNT = 4 };

static void list_parts(const struct mcr_trailer *trailer, struct part parts[PART_COUNT])
{
	/* The padding behind the native part goes with it: an ELF file does not mind. */
	const struct mcr_payload native = { .offset = 0, .bytes = trailer->runtime.offset };

	parts[0] = (struct part){ MCR_UNPACK_NATIVE, native, 0700 };
	parts[1] = (struct part){ MCR_UNPACK_RUNTIME, trailer->runtime, 0700 };
	parts[2] = (struct part){ MCR_UNPACK_SCRIPT, trailer->script, 0600 };
	parts[3] = (struct part){ MCR_UNPACK_LIBRARY, trailer->library, 0600 };
}

int32_t mcr_unpack(int self, const struct mcr_payload *payload, int to)
{
	off_t offset = (off_t)payload->offset;
	uint64_t left = payload->bytes;

	while (left > 0) {
		ssize_t count = sendfile(to, self, &offset, left);

		if (count < 0)
			return mcr_fail(errno, "Cannot copy %llu bytes out of the executable: %s",
					(unsigned long long)left, strerror(errno));
		if (count == 0)
			return mcr_fail(EIO, "Cannot copy out of the executable: it ends early");
		left -= (uint64_t)count;
	}
	return 0;
}

/* $XDG_CACHE_HOME/mcr, else ~/.cache/mcr, made if need be. */
static int32_t cache_root(char *path, size_t bytes)
{
	const char *cache = getenv("XDG_CACHE_HOME"), *home = getenv("HOME");
	int length;

	/* The XDG rules: a relative path is to be ignored. */
	if (cache && cache[0] == '/')
		length = snprintf(path, bytes, "%s", cache);
	else if (home && home[0] == '/')
		length = snprintf(path, bytes, "%s/.cache", home);
	else
		return mcr_fail(ENOENT, "Cannot unpack the runtime: neither XDG_CACHE_HOME nor HOME is set");
	if (length < 0 || (size_t)length + sizeof("/mcr") > bytes)
		return mcr_fail(ENAMETOOLONG, "Cannot unpack the runtime: the path of the cache is too long");
	if (mkdir(path, 0700) < 0 && errno != EEXIST)
		return mcr_fail(errno, "Cannot make the directory \"%s\": %s", path, strerror(errno));
	strcat(path, "/mcr");
	if (mkdir(path, 0700) < 0 && errno != EEXIST)
		return mcr_fail(errno, "Cannot make the directory \"%s\": %s", path, strerror(errno));
	return 0;
}

/* Whoever can write into a directory that we execute from decides what we execute. */
static int32_t check_ours(int folder, const char *path, mode_t forbidden)
{
	struct stat entry;

	if (fstat(folder, &entry) < 0)
		return mcr_fail(errno, "Cannot look at \"%s\": %s", path, strerror(errno));
	if (entry.st_uid != geteuid() || (entry.st_mode & forbidden) != 0)
		return mcr_fail(EPERM, "Cannot use \"%s\": it must belong to this user and be closed to others", path);
	return 0;
}

static int32_t check_parts(int folder, const char *path, const struct part parts[PART_COUNT])
{
	struct stat entry;

	for (size_t i = 0; i < PART_COUNT; i++) {
		if (fstatat(folder, parts[i].name, &entry, AT_SYMLINK_NOFOLLOW) < 0 || !S_ISREG(entry.st_mode) ||
		    (uint64_t)entry.st_size != parts[i].payload.bytes)
			return mcr_fail(EIO, "Cannot use \"%s\": it is incomplete; remove it", path);
	}
	return 0;
}

static int32_t check(const char *path, mode_t forbidden, const struct part *parts)
{
	int folder = open(path, O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	int32_t status;

	if (folder < 0)
		return mcr_fail(errno, "Cannot open \"%s\": %s", path, strerror(errno));
	status = check_ours(folder, path, forbidden);
	if (status == 0 && parts)
		status = check_parts(folder, path, parts);
	close(folder);
	return status;
}

static int32_t write_part(int self, int folder, const struct part *part)
{
	int fd = openat(folder, part->name, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, part->mode);
	int32_t status;

	if (fd < 0)
		return mcr_fail(errno, "Cannot make the file \"%s\": %s", part->name, strerror(errno));
	status = mcr_unpack(self, &part->payload, fd);
	/* The rename must not reach the disk before the bytes do. */
	if (status == 0 && fsync(fd) < 0)
		status = mcr_fail(errno, "Cannot write the file \"%s\": %s", part->name, strerror(errno));
	if (close(fd) < 0 && status == 0)
		status = mcr_fail(errno, "Cannot write the file \"%s\": %s", part->name, strerror(errno));
	return status;
}

static void remove_parts(int folder, const char *directory, const struct part parts[PART_COUNT])
{
	for (size_t i = 0; i < PART_COUNT; i++)
		unlinkat(folder, parts[i].name, 0);
	rmdir(directory);
}

/* Fills a directory of our own and gives it its name; whoever was faster has made the same. */
static int32_t fill(int self, const char *root, const char *directory, const struct part parts[PART_COUNT])
{
	char temporary[PATH_MAX];
	int32_t status = 0;
	bool is_renamed;
	int folder;

	snprintf(temporary, sizeof(temporary), "%s/part.XXXXXX", root);
	if (!mkdtemp(temporary))
		return mcr_fail(errno, "Cannot make a directory in \"%s\": %s", root, strerror(errno));
	folder = open(temporary, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (folder < 0)
		return mcr_fail(errno, "Cannot open \"%s\": %s", temporary, strerror(errno));
	for (size_t i = 0; status == 0 && i < PART_COUNT; i++)
		status = write_part(self, folder, &parts[i]);
	is_renamed = status == 0 && rename(temporary, directory) == 0;
	if (status == 0 && !is_renamed && errno != EEXIST && errno != ENOTEMPTY)
		status = mcr_fail(errno, "Cannot rename \"%s\" to \"%s\": %s", temporary, directory, strerror(errno));
	if (!is_renamed)
		remove_parts(folder, temporary, parts);
	close(folder);
	return status;
}

int32_t mcr_unpack_all(int self, const struct mcr_trailer *trailer, char directory[MCR_UNPACK_PATH_MAX])
{
	const int hash_length = (int)sizeof(trailer->hash);
	char root[MCR_UNPACK_PATH_MAX - sizeof(trailer->hash) - 1];
	struct part parts[PART_COUNT];
	int32_t status = cache_root(root, sizeof(root));

	if (status == 0)
		status = check(root, 022, NULL);
	if (status < 0)
		return status;
	list_parts(trailer, parts);
	snprintf(directory, MCR_UNPACK_PATH_MAX, "%s/%.*s", root, hash_length, trailer->hash);
	if (access(directory, F_OK) < 0)
		status = fill(self, root, directory, parts);
	return status < 0 ? status : check(directory, 077, parts);
}
