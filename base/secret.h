/* Memory that held a secret is wiped before it is given back. */
#ifndef BASE_SECRET_H
#define BASE_SECRET_H

#include <stdbool.h>
#include <stddef.h>

void secret_wipe(void *data, size_t len);

/* Wipes and frees; NULL is fine. */
void secret_free(void *data, size_t len);

/* Equal or not, in a time that depends on len alone. */
bool secret_equal(const void *a, const void *b, size_t len);

#endif
