/* validate_lines SCHEMA: for each request on standard input, one a line, says on standard output
 * what the validator thinks of it: "accepted", or "refused: " and the sentence for the peer. */
#include "config.h"

#include <stdio.h>
#include <stdlib.h>
#include "qmp/message.h"
#include "qmp/scan.h"
#include "qmp/validate.h"
#include "tests/qmp/schema_file.h"

static const struct qmp_scan_limits limits = { .max_bytes = 64u << 20,
                                               .max_depth = 64,
                                               .max_tokens = 1u << 22 };

static void die(const char *what)
{
    fprintf(stderr, "validate_lines: %s\n", what);
    exit(1);
}

static void judge(const struct qmp_schema *s, const struct qmp_tape *t)
{
    struct qmp_request r;
    struct qmp_argument_fault fault;
    struct error err;
    char text[QMP_ARGUMENT_TEXT_MAX];
    if (qmp_request_parse(t, &r, &err) < 0)
        die(err.text);
    int command = qmp_schema_find_command(s, qmp_tape_string(t, r.command));
    if (command < 0)
        die("no such command");
    if (qmp_validate(s, (unsigned)command, t, r.arguments, &fault))
        puts("accepted");
    else
        printf("refused: %s\n", qmp_argument_fault_text(&fault, t, text));
}

int main(int argc, char **argv)
{
    char *line = NULL;
    size_t capacity = 0;
    ssize_t len;
    if (argc != 2)
        die("usage: validate_lines SCHEMA <REQUESTS");
    struct qmp_schema *s = schema_file_read(argv[1]);
    while ((len = getline(&line, &capacity, stdin)) > 0) {
        struct qmp_scanner *scanner = qmp_scan_object(&limits, (struct span){ line, (size_t)len });
        if (!scanner)
            die("a line is no request");
        judge(s, qmp_scanner_tape(scanner));
        qmp_scanner_free(scanner);
    }
    free(line);
    qmp_schema_unref(s);
    return 0;
}
