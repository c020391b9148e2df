/* What a VM can do: the model of its query-qmp-schema. Immutable, reference counted, and shared by
 * content: a thousand like VMs hold one copy.
 * Source: QEMU, docs/devel/qapi-code-gen, "Client JSON Protocol introspection". */
#ifndef QMP_SCHEMA_H
#define QMP_SCHEMA_H

#include <stdbool.h>
#include "base/buf.h"
#include "base/error.h"

struct qmp_schema;

struct qmp_schema_command {
    const char *name;
    bool allow_oob;
    bool deprecated; /* features */
    bool unstable;
};

/* `json`: the value of `return` of a query-qmp-schema reply, scanned already or not: it is checked
 * here again; what is no schema is ERROR_PEER. The result carries one reference. The same bytes
 * give the same object (thread-safe).
 */
int qmp_schema_parse(const char *json, size_t len, struct qmp_schema **out,
                     struct error *err) MUST_CHECK;
struct qmp_schema *qmp_schema_ref(struct qmp_schema *s);
void qmp_schema_unref(struct qmp_schema *s);

/* SHA-256 of the bytes, 64 hexadecimal digits and NUL. */
const char *qmp_schema_hash(const struct qmp_schema *s);

/* Commands and events have numbers from 0, in the order of their names. */
unsigned qmp_schema_n_commands(const struct qmp_schema *s);
unsigned qmp_schema_n_events(const struct qmp_schema *s);
const struct qmp_schema_command *qmp_schema_command(const struct qmp_schema *s, unsigned i);
const char *qmp_schema_event(const struct qmp_schema *s, unsigned i);
/* By a hash look-up; -1 if there is none. */
int qmp_schema_find_command(const struct qmp_schema *s, struct span name);
int qmp_schema_find_event(const struct qmp_schema *s, struct span name);

/* Which commands and events to show; a function that is NULL shows all. */
struct qmp_schema_filter {
    bool (*command)(void *opaque, unsigned i);
    bool (*event)(void *opaque, unsigned i);
    void *opaque;
    struct span
        extra_schema; /* JSON elements "{...},{...}" to append (the gateway's own), or empty */
    struct span extra_commands; /* elements of a query-commands reply to append, or empty */
};

/* The values for `return` of query-qmp-schema (only what the shown commands and events reach stays)
 * and of query-commands ([{"name":...},...]). */
void qmp_schema_write_filtered(const struct qmp_schema *s, const struct qmp_schema_filter *f,
                               struct buf *out);
void qmp_schema_write_commands(const struct qmp_schema *s, const struct qmp_schema_filter *f,
                               struct buf *out);

#endif
