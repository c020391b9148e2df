/* Allocation that does not fail: what a peer can ask for is bounded by limits, so running out of
 * memory is a fault of the machine, and the process ends with a log line. All results are freed
 * with free(). */
#ifndef BASE_MEM_H
#define BASE_MEM_H

#include <stdarg.h>
#include <stdlib.h>
#include "base/util.h"

void *mem_alloc(size_t size) __attribute__((malloc, returns_nonnull));
void *mem_zalloc(size_t size) __attribute__((malloc, returns_nonnull));
void *mem_realloc(void *p, size_t size) __attribute__((returns_nonnull));
/* n * size with overflow checked. */
void *mem_realloc_array(void *p, size_t n, size_t size) __attribute__((returns_nonnull));
void *mem_dup(const void *data, size_t size) __attribute__((returns_nonnull));
/* NULL stays NULL. */
char *mem_strdup(const char *s);
char *mem_strndup(const char *s, size_t len) __attribute__((returns_nonnull));
char *mem_printf(const char *fmt, ...) PRINTF(1, 2) __attribute__((returns_nonnull));

#define MEM_NEW(type)      ((type *)mem_zalloc(sizeof(type)))
#define MEM_NEW_N(type, n) ((type *)mem_zalloc_array((n), sizeof(type)))

void *mem_zalloc_array(size_t n, size_t size) __attribute__((returns_nonnull));

/* Grows *array (elements of `size` bytes) so that it holds at least `need`; doubles. */
void mem_grow(void **array, size_t *capacity, size_t need, size_t size);

static inline void cleanup_free(void *p)
{
    free(*(void **)p);
}
#define CLEANUP_FREE CLEANUP(cleanup_free)

#endif
