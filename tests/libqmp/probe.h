/* Every command and event of libqmp behind one face; the tables are generated
 * (libqmp/gen/probes.c), and what they point to calls the typed functions as a program would. */
#ifndef TESTS_LIBQMP_PROBE_H
#define TESTS_LIBQMP_PROBE_H

#include <libqmp/events.h>
#include <libqmp/session.h>

struct probe_result {
    char *json;            /* owned; what came out */
    struct qmp_error *err; /* owned; or why nothing did */
};

struct probe_command {
    const char *name;
    /* Arguments from JSON, copied and compared, built from the copy: the message. */
    int (*args)(const char *json, struct qmp_msg *msg, struct probe_result *result);
    /* A reply parsed, copied and compared: what it returns, written from the copy. */
    int (*reply)(const char *json, struct probe_result *result);
    /* Run over a session; `json`: arguments or NULL. */
    int (*call)(struct qmp_session *session, const char *json, struct probe_result *result);
};

struct probe_event {
    const char *name;
    enum qmp_event_kind kind;
    /* The event's data, likewise. */
    int (*data)(const struct qmp_event *event, struct probe_result *result);
};

extern const struct probe_command probe_commands[]; /* ends with NULL */
extern const struct probe_event probe_events[];

/* NULL if there is none. */
const struct probe_command *probe_find_command(const char *name);
/* An event of any kind parsed, its data as by its probe. */
int probe_run_event(const char *json, struct probe_result *result);

/* What must never be: says so and ends the process. */
void probe_fail(const char *what) __attribute__((noreturn));
char *probe_quote(const char *text);
char *probe_same(const char *text);
char *probe_message(const struct qmp_msg *msg);

#endif
