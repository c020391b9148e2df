/* Runs every NAME.policy with its NAME.cases, and bad.table. README.md has their forms. */
#include "config.h"

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "base/mem.h"
#include "cli/policy_cases.h"
#include "tests/acl/cases.h"

static unsigned n_run, n_failed;

PRINTF(3, 4) static void fail(const char *file, unsigned line, const char *fmt, ...)
{
    va_list ap;
    va_start(ap, fmt);
    printf("%s:%u: ", file, line);
    vprintf(fmt, ap);
    printf("\n");
    va_end(ap);
    n_failed++;
}

static void print_error(void *opaque, const char *line)
{
    (void)opaque;
    printf("%s\n", line);
}

static void run_policy(const char *name, struct qmp_schema *schema)
{
    CLEANUP_BUF struct buf policy = { 0 }, cases = { 0 };
    /* the examples that are shipped are tested as they are: example-x is policy-x.conf */
    bool example = strncmp(name, "example", 7) == 0;
    CLEANUP_FREE char *policy_path = example ? mem_printf("conf/examples/policy%s.conf", name + 7)
                                             : mem_printf("tests/acl/%s.policy", name);
    CLEANUP_FREE char *cases_path = mem_printf("tests/acl/%s.cases", name);
    cases_load(policy_path, &policy);
    cases_load(cases_path, &cases);
    struct policy_cases t = {
        .file = cases_path,
        .schema = schema,
        .report = print_error,
    };
    if (acl_policy_parse(policy_path, buf_data(&policy), buf_len(&policy) - 1, print_error, NULL,
                         &t.policy) < 0) {
        fail(policy_path, 0, "is refused");
        return;
    }
    policy_cases_run(&t, buf_data(&cases));
    n_run += t.n_run;
    n_failed += t.n_failed;
    acl_policy_unref(t.policy);
}

/* --- bad policies ----------------------------------------------------------------------------- */

static void collect(void *opaque, const char *line)
{
    buf_printf(opaque, "%s\n", line);
}

/* Each line of what was reported begins with the expected one. */
static void compare_reports(const char *title, unsigned line, char *reported, const char *expected)
{
    for (const char *e = expected; *e;) {
        size_t len = strcspn(e, "\n");
        const char *got = policy_cases_next_line(&reported);
        if (!got || strncmp(got, e, len) != 0)
            fail("bad.table", line, "%s: reported \"%s\", not \"%.*s\"", title,
                 got ? got : "nothing", (int)len, e);
        e += len + (e[len] == '\n');
    }
    for (const char *got; (got = policy_cases_next_line(&reported)) != NULL;)
        fail("bad.table", line, "%s: reported \"%s\", too", title, got);
}

static void run_bad(const char *title, unsigned line, const struct buf *text, struct buf *expected)
{
    CLEANUP_BUF struct buf reported = { 0 };
    struct acl_policy *policy = NULL;
    n_run++;
    int rc = acl_policy_parse("p", buf_data(text), buf_len(text), collect, &reported, &policy);
    if (rc == 0 || policy)
        fail("bad.table", line, "%s: is accepted", title);
    acl_policy_unref(policy);
    buf_add_char(&reported, '\0');
    buf_add_char(expected, '\0');
    if (!*buf_data(expected))
        fail("bad.table", line, "%s: expects nothing", title);
    compare_reports(title, line, buf_data(&reported), buf_data(expected));
}

static void run_bad_table(void)
{
    CLEANUP_BUF struct buf table = { 0 }, text = { 0 }, expected = { 0 };
    cases_load("tests/acl/bad.table", &table);
    char *at = buf_data(&table);
    const char *title = NULL;
    unsigned line_number = 0, began = 0;
    bool in_text = false;
    for (char *line; (line = policy_cases_next_line(&at)) != NULL;) {
        line_number++;
        if (strncmp(line, "--- ", 4) == 0) {
            if (title)
                run_bad(title, began, &text, &expected);
            buf_clear(&text);
            buf_clear(&expected);
            title = line + 4;
            began = line_number;
            in_text = true;
        } else if (strcmp(line, "===") == 0) {
            in_text = false;
        } else if (in_text) {
            buf_printf(&text, "%s\n", line);
        } else if (*line && title) {
            buf_printf(&expected, "p:%s\n", line);
        }
    }
    if (title)
        run_bad(title, began, &text, &expected);
}

int main(void)
{
    struct qmp_schema *schema = cases_load_schema();
    const char *top = getenv("abs_top_srcdir");
    CLEANUP_FREE char *path = mem_printf("%s/tests/acl", top ? top : ".");
    DIR *d = opendir(path);
    if (!d) {
        perror(path);
        return 99;
    }
    for (struct dirent *e; (e = readdir(d)) != NULL;) {
        const char *dot = strrchr(e->d_name, '.');
        if (dot && strcmp(dot, ".cases") == 0) {
            CLEANUP_FREE char *name = mem_strndup(e->d_name, (size_t)(dot - e->d_name));
            run_policy(name, schema);
        }
    }
    closedir(d);
    run_bad_table();
    qmp_schema_unref(schema);
    printf("%u cases, %u failures\n", n_run, n_failed);
    return n_run == 0 || n_failed > 0;
}
