/* What the fake monitor is told to be, and how it is to misbehave. */
#ifndef TESTS_FAKE_OPTIONS_H
#define TESTS_FAKE_OPTIONS_H

#include <stdbool.h>
#include <stddef.h>

#define FAKE_VMS_MAX 1024
#define FAKE_NEVER   (-1)

struct fake_options {
    const char *listen[FAKE_VMS_MAX]; /* a VM each */
    size_t n_listen;
    bool multi; /* many clients at a time, as no QEMU does: for peers that do not multiplex */
    const char *schema;
    const char *uuid;
    const char *name;
    const char *record;
    bool no_oob;

    /* faults; those of a command happen to the commands that are counted */
    const char *only; /* count only this one; NULL: all but qmp_capabilities */
    bool no_greeting;
    bool garbage_greeting;
    long garbage_after; /* so many counted commands are answered well; FAKE_NEVER */
    long silent_after;
    long close_after;
    bool wrong_id;
    bool duplicate_reply;
    bool out_of_order;
    bool bad_utf8;
    bool huge_line_unterminated;
    bool reply_bytewise;
    long huge_reply;  /* bytes; 0: no */
    long deep;        /* levels; 0: no */
    long slow_reply;  /* milliseconds */
    long event_storm; /* events a second to each client */
    const char *event;
};

/* Exits 0 after --help and 2 after bad usage. */
void fake_options_parse(int argc, char **argv, struct fake_options *out);

#endif
