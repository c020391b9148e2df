/* What the programs over the tables of tests/acl share. */
#ifndef TESTS_ACL_CASES_H
#define TESTS_ACL_CASES_H

#include "acl/acl.h"
#include "base/buf.h"

/* tests/data/schema-7.2.json. Ends the program if it is not there. */
struct qmp_schema *cases_load_schema(void);

/* A file below the source directory, with a NUL behind it. Ends the program if it is not there. */
void cases_load(const char *path, struct buf *out);

#endif
