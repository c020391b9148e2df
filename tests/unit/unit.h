/* What every unit test includes first. */
#ifndef TESTS_UNIT_UNIT_H
#define TESTS_UNIT_UNIT_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

/* Appends a word, behind a separator if it is not the first. */
static inline void unit_add_word(char *to, size_t size, const char *separator, const char *word)
{
    size_t len = strlen(to);
    snprintf(to + len, size - len, "%s%s", len ? separator : "", word);
}

#endif
