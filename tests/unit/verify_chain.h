/* Whether one file is a good chain, for tests of who writes it: what audit_verify says, without
 * what it says of seals and of a beginning that is elsewhere. */
#ifndef TESTS_UNIT_VERIFY_CHAIN_H
#define TESTS_UNIT_VERIFY_CHAIN_H

#include <string.h>
#include "audit/verify.h"

struct audit_chain_summary {
    uint64_t first_seq; /* 0: the file is empty */
    uint64_t last_seq;
    uint64_t records;
};

/* Keeps the words of the first fault. */
static inline void verify_chain_fault(void *opaque, const struct audit_fault *fault)
{
    struct error *err = opaque;
    if (err->code != 0 || fault->kind >= AUDIT_FAULT_SEAL_FORM)
        return;
    error_set(err, ERROR_INVALID, "%s, line %llu: record %llu: %s", fault->file ? fault->file : "",
              (unsigned long long)fault->line, (unsigned long long)fault->seq, fault->text);
    err->code = ERROR_INVALID;
}

static inline int audit_verify_chain(const char *path, struct audit_chain_summary *out,
                                     struct error *err)
{
    CLEANUP_VERIFY_SUMMARY struct audit_verify_summary summary = { 0 };
    struct error first = { 0 };
    const struct audit_verify_settings settings = {
        .paths = &path,
        .n_paths = 1,
        .partial = true,
        .fault = verify_chain_fault,
        .opaque = &first,
    };
    int rc = audit_verify(&settings, &summary, err);
    *out = (struct audit_chain_summary){ summary.first_seq, summary.last_seq, summary.records };
    if (rc == 0 && first.code != 0) {
        *err = first;
        return first.code;
    }
    if (rc == 0 && summary.torn > 0)
        return error_set(err, ERROR_INVALID, "%s: the last line is torn", path);
    return rc;
}

#endif
