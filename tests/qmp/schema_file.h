/* Schemas from files, for tests and benches. */
#ifndef TESTS_QMP_SCHEMA_FILE_H
#define TESTS_QMP_SCHEMA_FILE_H

#include "base/buf.h"
#include "qmp/schema.h"

/* With one reference; says what is wrong and ends the process if the file holds none. */
struct qmp_schema *schema_file_read(const char *path);

/* That of a QEMU 7.2, machine none: tests/data/schema-7.2.json. */
struct qmp_schema *schema_file_pinned(void);

/* With the commands of its guest agent as well, as no VM has them: for tables that know both. */
struct qmp_schema *schema_file_pinned_all(void);
/* The same with the text of a schema. */
void schema_file_add_agent(struct buf *b);

#endif
