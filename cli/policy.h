/* What the tools of policy share: a policy and schemas from files, or a schema from a live VM. */
#ifndef CLI_POLICY_H
#define CLI_POLICY_H

#include <string.h>
#include "acl/acl.h"
#include "cli/cli.h"
#include "cli/file.h"
#include "qmp/scan.h"

extern const struct verb policy_check;
extern const struct verb policy_diff;
extern const struct verb policy_drift;
extern const struct verb policy_effective;
extern const struct verb policy_explain;
extern const struct verb policy_learn;
extern const struct verb policy_test;

/* --- files ------------------------------------------------------------------------------------ */

/* Errors in a policy go to standard error as FILE:LINE, and are CLI_EXIT_POLICY. */
enum cli_exit policy_parse(const char *path, const struct buf *text, struct acl_policy **out);
enum cli_exit policy_load(const char *path, struct acl_policy **out);

static inline void policy_cleanup(struct acl_policy **p)
{
    acl_policy_unref(*p);
}
#define CLEANUP_POLICY CLEANUP(policy_cleanup)

/* --- schemas ---------------------------------------------------------------------------------- */

struct policy_schema {
    char *name; /* of its file or VM; owned */
    struct qmp_schema *schema;
};

struct policy_schemas {
    struct policy_schema *at; /* owned */
    size_t n, cap;
};

void policy_schemas_clear(struct policy_schemas *s);
#define CLEANUP_SCHEMAS CLEANUP(policy_schemas_clear)

/* From a file: the value that query-qmp-schema returns, or a whole reply. */
enum cli_exit policy_schemas_load(struct policy_schemas *s, const char *path);
/* From a VM, by its own socket: what a gateway shows is not all of it. */
enum cli_exit policy_schemas_ask(struct policy_schemas *s, struct cli *cli, const char *uri);
/* Where none was given: the file in QMPGATE_SCHEMA, or the one that was installed. */
enum cli_exit policy_schemas_default(struct policy_schemas *s);

/* What guest agents have. */
void policy_schemas_add_agent(struct policy_schemas *s);

/* --- arguments -------------------------------------------------------------------------------- */

extern const struct qmp_scan_limits policy_scan_limits;

static inline struct span policy_span(const char *s)
{
    return (struct span){ s, strlen(s) };
}

#endif
