/* hmp_lines: for each line on standard input, the arguments of a human-monitor-command as JSON,
 * says on standard output what it runs: its kind, and its name as a JSON string. hmp_lines --table:
 * says the same of every word of the table, with its aliases behind it. */
#include "config.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "acl/hmp.h"
#include "base/buf.h"
#include "qmp/scan.h"

static const struct qmp_scan_limits limits = { .max_bytes = 1u << 20,
                                               .max_depth = 8,
                                               .max_tokens = 64 };

static const char *const kinds[] = {
    [ACL_HMP_MALFORMED] = "malformed",
    [ACL_HMP_UNKNOWN] = "unknown",
    [ACL_HMP_PLAIN] = "plain",
    [ACL_HMP_HOST] = "host",
};

static void die(const char *what)
{
    fprintf(stderr, "hmp_lines: %s\n", what);
    exit(1);
}

static void say(const struct acl_hmp_word *word, const char *behind)
{
    CLEANUP_BUF struct buf text = { 0 };
    buf_add_json_string(&text, word->name, strlen(word->name));
    printf("%s %.*s%s%s\n", kinds[word->kind], (int)buf_len(&text), buf_data(&text),
           *behind ? " " : "", behind);
}

static void judge(const struct qmp_tape *t)
{
    struct acl_hmp_word word;
    uint32_t line = qmp_tape_find(t, 0, SPAN_LIT("command-line"));
    if (line == QMP_NONE || qmp_tape_kind(t, line) != QMP_KIND_STRING)
        die("a line has no command-line");
    acl_hmp_find(qmp_tape_string(t, line), &word);
    say(&word, "");
}

static void say_table(void)
{
    struct acl_hmp_word word;
    for (size_t i = 0; i < acl_hmp_table_size(); i++) {
        acl_hmp_table_word(i, &word);
        say(&word, acl_hmp_table_aliases(i));
    }
}

int main(int argc, char **argv)
{
    char *line = NULL;
    size_t capacity = 0;
    ssize_t len;
    if (argc == 2 && strcmp(argv[1], "--table") == 0) {
        say_table();
        return 0;
    }
    if (argc != 1)
        die("usage: hmp_lines [--table] <ARGUMENTS");
    while ((len = getline(&line, &capacity, stdin)) > 0) {
        struct qmp_scanner *scanner = qmp_scan_object(&limits, (struct span){ line, (size_t)len });
        if (!scanner)
            die("a line is no object");
        judge(qmp_scanner_tape(scanner));
        qmp_scanner_free(scanner);
    }
    free(line);
    return 0;
}
