/* Memory that held a secret is wiped before it is given back. */
#ifndef BASE_SECRET_H
#define BASE_SECRET_H

#include <stddef.h>

void secret_wipe(void *data, size_t len);

/* Wipes and frees; NULL is fine. */
void secret_free(void *data, size_t len);

/* Wipes the stack below the caller's frame, where libraries may have left what they worked on. */
#define SECRET_STACK_BYTES (64u << 10) /* libsasl2 goes 20 KiB deep */
void secret_wipe_stack(void);

#endif
