/* audit_write PATH [write|data [KEY]]: each line of standard input becomes an intent and its
 * outcome in the log, in a commit of its own; says "ok: LINE", once a command could go to its VM,
 * or "failed: REASON" for each. The line "rotate" closes the segment. With the key of a PEM file
 * the log is sealed. For tests that are scripts. */
#include "config.h"

#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include "audit/audit.h"
#include "audit/sign.h"
#include "base/clock.h"

static void add(struct audit_batch *b, enum audit_type type, uint64_t request, const char *line)
{
    struct audit_record r = {
        .type = type,
        .result = type == AUDIT_OUTCOME ? AUDIT_OK : AUDIT_RESULT_NONE,
        .utc_us = clock_utc_us(),
        .connection = 1,
        .request = request,
        .peer = "192.0.2.1:50000",
        .identity = "x509:CN=alice,O=Example",
        .vm = "web1",
        .command = SPAN_LIT("query-status"),
        .arguments = QMP_NONE,
        .text = { line, strlen(line) },
        .latency_us = -1,
    };
    audit_batch_add(b, &r);
}

/* Not by stdio: tests preload what listens to write(2). */
__attribute__((format(printf, 1, 2))) static void say(const char *format, ...)
{
    char text[8192];
    va_list ap;
    va_start(ap, format);
    int n = vsnprintf(text, sizeof(text), format, ap);
    va_end(ap);
    if (write(1, text, (size_t)n) != n)
        exit(1);
}

/* As a loop does it before it sends a command. */
static bool wait_durable(struct audit *a, uint64_t ticket)
{
    while (audit_durable(a) < ticket) {
        if (audit_ticket_failed(a, ticket))
            return false;
        usleep(100);
    }
    return true;
}

int main(int argc, char **argv)
{
    struct audit *a;
    struct error err;
    char line[4096];
    uint64_t ticket, request = 0;

    if (argc < 2) {
        fprintf(stderr, "usage: audit_write PATH [write|data [KEY]]\n");
        return 2;
    }
    struct audit_settings settings = {
        .path = argv[1],
        .sync = argc > 2 && strcmp(argv[2], "data") == 0 ? AUDIT_SYNC_DATA : AUDIT_SYNC_WRITE,
    };
    signal(SIGXFSZ, SIG_IGN);
    if ((argc > 3 && audit_signer_load(argv[3], NULL, &settings.keeping.signer, &err) < 0) ||
        audit_open(&settings, &a, &err) < 0) {
        fprintf(stderr, "audit_write: %s\n", err.text);
        return 1;
    }
    struct audit_batch *b = audit_batch_new(a);
    if (settings.keeping.signer) /* a reader of seals wants to know where a run begins */
        add(b, AUDIT_START, 0, "0");
    while (fgets(line, sizeof(line), stdin)) {
        line[strcspn(line, "\n")] = '\0';
        if (strcmp(line, "rotate") == 0) {
            say(audit_rotate(a, &err) < 0 ? "failed: %s\n" : "ok\n", err.text);
            continue;
        }
        add(b, AUDIT_INTENT, ++request, line);
        add(b, AUDIT_OUTCOME, request, line);
        if (audit_batch_commit(b, &ticket, &err) < 0)
            say("failed: %s\n", err.text);
        else if (!wait_durable(a, ticket))
            say("failed: not on disk\n");
        else
            say("ok: %s\n", line);
    }
    audit_batch_free(b);
    audit_close(a);
    audit_signer_unref(settings.keeping.signer);
    return 0;
}
