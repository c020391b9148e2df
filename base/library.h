/* Another's shared library, loaded when it is wanted: who never wants it need not have it, and a
 * program starts without it in less time. */
#ifndef BASE_LIBRARY_H
#define BASE_LIBRARY_H

#include <stddef.h>
#include "base/error.h"
#include "base/util.h"

/* Puts the address of each function into places[i], one behind the other as in a structure of
 * pointers. It stays loaded as long as the process lives. ERROR_STATE: it is not installed, or has
 * no such function. */
int library_load(const char *file, const char *const *names, size_t n, void *places,
                 struct error *err) MUST_CHECK;

/* For a structure of functions, from a list of them: LIST(X) is X(name) for each. */
#define LIBRARY_MEMBER(name) __typeof__(name) *name;
#define LIBRARY_NAME(name)   #name,

#endif
