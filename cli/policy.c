#include "config.h"
#include "cli/policy.h"

#include <errno.h>
#include <json-c/json.h>
#include <stdlib.h>
#include <string.h>
#include "base/mem.h"
#include "qmp/agent.h"
#include "qmp/scan.h"

const struct qmp_scan_limits policy_scan_limits = {
    .max_bytes = CLI_FILE_MAX,
    .max_depth = 64,
    .max_tokens = 4u << 20,
};

/* --- files ------------------------------------------------------------------------------------ */

static void tell_error(void *opaque, const char *line)
{
    (void)opaque;
    fprintf(stderr, "%s\n", line);
}

enum cli_exit policy_parse(const char *path, const struct buf *text, struct acl_policy **out)
{
    *out = NULL;
    fflush(stdout);
    if (acl_policy_parse(path, buf_data(text), buf_len(text), tell_error, NULL, out) < 0)
        return CLI_EXIT_POLICY;
    return CLI_EXIT_OK;
}

enum cli_exit policy_load(const char *path, struct acl_policy **out)
{
    CLEANUP_BUF struct buf text = { 0 };
    *out = NULL;
    enum cli_exit code = cli_read_file(path, &text);
    return code != CLI_EXIT_OK ? code : policy_parse(path, &text, out);
}

/* --- schemas ---------------------------------------------------------------------------------- */

void policy_schemas_clear(struct policy_schemas *s)
{
    for (size_t i = 0; i < s->n; i++) {
        free(s->at[i].name);
        qmp_schema_unref(s->at[i].schema);
    }
    free(s->at);
    *s = (struct policy_schemas){ 0 };
}

/* A whole reply has the value in `return`. */
static struct span find_value(const struct qmp_scanner *scanner, struct span text)
{
    const struct qmp_tape *t = scanner ? qmp_scanner_tape(scanner) : NULL;
    uint32_t value = t ? qmp_tape_find(t, 0, SPAN_LIT("return")) : QMP_NONE;
    return value == QMP_NONE ? text : qmp_tape_raw(t, value);
}

static enum cli_exit add(struct policy_schemas *s, const char *name, struct span text)
{
    struct error err;
    struct qmp_schema *schema;
    while (text.len > 0 && strchr(" \t\r\n", text.data[0])) {
        text.data++;
        text.len--;
    }
    struct qmp_scanner *scanner =
        text.len > 0 && text.data[0] == '{' ? qmp_scan_object(&policy_scan_limits, text) : NULL;
    struct span value = find_value(scanner, text);
    int rc = qmp_schema_parse(value.data, value.len, &schema, &err);
    qmp_scanner_free(scanner);
    if (rc < 0) {
        error_prefix(&err, "%s", name);
        return cli_fail_local(&err);
    }
    if (qmp_schema_find_command(schema, SPAN_LIT("gateway-info")) >= 0) {
        qmp_schema_unref(schema);
        error_set(&err, ERROR_STATE,
                  "%s: this is what a gateway shows somebody, and not all that the VM has", name);
        return cli_fail_local(&err);
    }
    mem_grow((void **)&s->at, &s->cap, s->n + 1, sizeof(*s->at));
    s->at[s->n++] = (struct policy_schema){ mem_strdup(name), schema };
    return CLI_EXIT_OK;
}

enum cli_exit policy_schemas_load(struct policy_schemas *s, const char *path)
{
    CLEANUP_BUF struct buf text = { 0 };
    enum cli_exit code = cli_read_file(path, &text);
    if (code != CLI_EXIT_OK)
        return code;
    return add(s, path, (struct span){ buf_data(&text), buf_len(&text) });
}

enum cli_exit policy_schemas_ask(struct policy_schemas *s, struct cli *cli, const char *uri)
{
    CLEANUP_DOCUMENT struct json_object *value = NULL;
    cli->uri = uri;
    enum cli_exit code = cli_ask_about_vm(cli, "query-qmp-schema", NULL, &value);
    if (code != CLI_EXIT_OK)
        return code;
    const char *text = json_object_to_json_string_ext(value, JSON_C_TO_STRING_PLAIN);
    return add(s, uri, policy_span(text));
}

enum cli_exit policy_schemas_default(struct policy_schemas *s)
{
    const char *path = getenv("QMPGATE_SCHEMA");
    if (s->n > 0)
        return CLI_EXIT_OK;
    return policy_schemas_load(s, path && *path ? path : PKGDATADIR "/schema-7.2.json");
}

void policy_schemas_add_agent(struct policy_schemas *s)
{
    mem_grow((void **)&s->at, &s->cap, s->n + 1, sizeof(*s->at));
    s->at[s->n++] = (struct policy_schema){ mem_strdup("guest agent"), qmp_agent_schema() };
}
