/* unpack.h - copies payloads of the one-file executable out of it. */
#ifndef MCR_UNPACK_H
#define MCR_UNPACK_H

#include <limits.h>
#include <stdint.h>

#include "launch.h"

/* File names in the directory that mcr_unpack_all() fills. */
#define MCR_UNPACK_NATIVE "mcr-native"
#define MCR_UNPACK_RUNTIME "runtime"
#define MCR_UNPACK_SCRIPT "mcr.js"
#define MCR_UNPACK_LIBRARY "libmcr.so"

/* Of the directory; leaves room for a file name within PATH_MAX. */
#define MCR_UNPACK_PATH_MAX (PATH_MAX - 64)

/**
 * mcr_unpack - append a payload of the file @self to the file @to.
 *
 * Return: 0, or with mcr_error() telling more: -EIO: @self ends early; -ENOSPC and other errors of sendfile().
 */
int32_t mcr_unpack(int self, const struct mcr_payload *payload, int to);

/**
 * mcr_unpack_all - make sure that the native part and all payloads lie in a directory of the user's cache.
 * @directory: receives its path.
 *
 * The directory is $XDG_CACHE_HOME/mcr/HASH, else ~/.cache/mcr/HASH; nobody but the user can look into it. It appears
 * whole or not at all, also when several processes do this at once; one that is already there is used as it is.
 *
 * Return: 0, or with mcr_error() telling more: -ENOENT: no home directory; -EPERM: the directory is somebody else's or
 * open to others; -EIO: it is incomplete; errors of mkdir(), write() and rename().
 */
int32_t mcr_unpack_all(int self, const struct mcr_trailer *trailer, char directory[MCR_UNPACK_PATH_MAX]);

#endif
