/* What a running QEMU said of itself, for others of its like: so that attaching to these need not
 * ask them. That they are alike is a guess (a package may have been replaced between two starts),
 * which whoever relies on it proves before the first command goes, by the version and the whole
 * schema: backend_libvirt.c. Thread-safe.
 */
#ifndef PROXY_EMULATORS_H
#define PROXY_EMULATORS_H

#include <stdbool.h>
#include "qmp/schema.h"

struct emulators;

struct emulators *emulators_new(void);
void emulators_free(struct emulators *e);

/* Which QEMU a domain is, of its XML as libvirt writes it: the program and the machine, at this
 * connection. NULL if it does not say. Free it. */
char *emulator_key(const char *connection, const char *xml);

/* False: nobody has asked one yet. Otherwise fills a copy and a reference. */
bool emulators_find(struct emulators *e, const char *key, char **version,
                    struct qmp_schema **schema);
void emulators_learn(struct emulators *e, const char *key, const char *version,
                     struct qmp_schema *schema);
/* It was another one. */
void emulators_forget(struct emulators *e, const char *key);

#endif
