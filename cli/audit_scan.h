/* The records of a log in order, from a time on: what the readers of the log share. */
#ifndef CLI_AUDIT_SCAN_H
#define CLI_AUDIT_SCAN_H

#include "base/error.h"
#include "cli/audit_record.h"

/* False: enough. */
typedef bool audit_scan_fn(void *opaque, struct audit_record_view *v);

struct audit_scan {
    const char *const *paths;
    size_t n_paths;
    int64_t since; /* records from some time before it: what is due at it may have begun there */
    int64_t until; /* records before it */
    audit_scan_fn *each;
    void *opaque;
    uint64_t passed_over; /* out: lines that are no records */
    bool torn;            /* out: a file that another one follows ends inside a line */
};

/* How far the time of a record may be from that of those around it: clocks are set, and records
 * wait for the disk. */
#define AUDIT_SCAN_SLACK_US (60 * 1000000LL)

int audit_scan_run(struct audit_scan *s, struct error *err) MUST_CHECK;

/* Number of the first record that is to be shown when following: that at `since`, or the tenth from
 * the end where that is INT64_MIN. */
int audit_scan_start(const char *path, int64_t since, uint64_t *seq, struct error *err) MUST_CHECK;

/* True after SIGINT or SIGTERM, if audit_scan_catch_signals was called. */
void audit_scan_catch_signals(void);
bool audit_scan_interrupted(void);
int audit_scan_signal_fd(void); /* readable then */

#endif
