/* One option's value: from text into its struct, compared, and freed, by the option's type. */
#ifndef CONF_VALUE_H
#define CONF_VALUE_H

#include "conf/option_table.h"

/* Sets the option in `base` (the struct that conf_option.member counts from), or appends to a list.
 * `directory` is where relative paths begin. A failure leaves the member as it was; its sentence
 * goes behind the option's name: "must be ...". */
int conf_value_set(const struct conf_option *option, void *base, const char *text,
                   const char *directory, struct error *err) MUST_CHECK;
void conf_value_free(const struct conf_option *option, void *base);
bool conf_value_equal(const struct conf_option *option, const void *a, const void *b);

/* An absolute path. */
char *conf_value_resolve(const char *path, const char *directory);

#endif
