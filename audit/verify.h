/* Whether a log is what was written: numbers, hashes, segments, seals, and what was kept elsewhere.
 * Goes on after a fault, so that an auditor learns all that is wrong and how far it reaches. Works
 * beside a daemon that writes the log. */
#ifndef AUDIT_VERIFY_H
#define AUDIT_VERIFY_H

#include <stdbool.h>
#include "audit/seal_keys.h"

/* What can be wrong. The words are part of the interface, see qmpgate-audit(1). */
#define AUDIT_FAULTS(X)                                                           \
    X(LINE, "line")           /* no record */                                     \
    X(HASH, "hash")           /* the text is not what the hash was made of */     \
    X(MISSING, "missing")     /* numbers are left out */                          \
    X(ORDER, "order")         /* a number again, or after a later one */          \
    X(OVERLAP, "overlap")     /* a file with records that another one has */      \
    X(CUT_FILE, "cut-file")   /* a file begins or ends in the midst of things */  \
    X(DAMAGED, "damaged")     /* a compressed file */                             \
    X(SEGMENT, "segment")     /* a segment record that does not fit */            \
    X(BEGINNING, "beginning") /* the first records are missing, nobody vouches */ \
    X(SEAL_FORM, "seal-form")                                                     \
    X(SEAL_DIGEST, "seal-digest") /* it seals something else than what is here */ \
    X(SEAL_SIGNATURE, "seal-signature")                                           \
    X(SEAL_KEY, "seal-key") /* nobody vouches for its key */                      \
    X(SEAL_ORDER, "seal-order")                                                   \
    X(SEAL_LATE, "seal-late") /* the one before promised an earlier one */        \
    X(SEAL_NONE, "seal-none") /* a key was given, and there is no seal */         \
    X(OUTSIDE, "outside")     /* a seal that was kept elsewhere says otherwise */ \
    X(CUT_TAIL, "cut-tail")   /* it vouches for records that are not here */

enum audit_fault_kind {
#define X(name, word) AUDIT_FAULT_##name,
    AUDIT_FAULTS(X)
#undef X
};

const char *audit_fault_word(enum audit_fault_kind kind);

struct audit_fault {
    enum audit_fault_kind kind;
    const char *file; /* NULL: none in particular */
    uint64_t line;    /* 0: none */
    uint64_t seq;     /* number of the record; 0: not known */
    const char *text; /* a sentence */
};

/* A key that seals were made with. */
struct audit_verify_key {
    unsigned char id[AUDIT_HASH_BYTES];
    bool trusted;  /* it was given, or one that was vouches for it */
    bool given_up; /* it vouched for another one */
    uint64_t seals;
    uint64_t first_seq, last_seq; /* of the seals' records */
    const char *file;             /* of the last one; borrowed */
    uint64_t line;
};

struct audit_verify_summary {
    uint64_t files, segments, records, bytes;
    uint64_t first_seq, last_seq; /* 0: there is no record */
    int64_t first_us, last_us;    /* time of these; 0 if it cannot be read */
    char last_hash[AUDIT_HASH_TEXT + 1];
    uint64_t faults;
    uint64_t seals;                /* records of that type */
    uint64_t seals_good;           /* whose signature is good */
    uint64_t sealed_through;       /* by the last good one, here or outside; 0: none */
    int64_t sealed_us;             /* when that was */
    uint64_t outside;              /* seals from elsewhere that agree */
    uint64_t torn;                 /* bytes of an unfinished line at the end */
    struct audit_verify_key *keys; /* owned */
    size_t n_keys, cap_keys;
};
void audit_verify_summary_clear(struct audit_verify_summary *s);
#define CLEANUP_VERIFY_SUMMARY CLEANUP(audit_verify_summary_clear)

struct audit_verify_settings {
    const char *const *paths; /* directories and files */
    size_t n_paths;
    struct seal_keys
        *keys; /* empty: signatures are not checked. Keys that these vouch for are added */
    const struct seal *outside; /* seals that were kept elsewhere */
    size_t n_outside;
    bool partial; /* that the beginning is missing is no fault */

    void (*fault)(void *opaque, const struct audit_fault *fault);
    void (*note)(void *opaque,
                 const struct audit_fault *note); /* what is no fault; kind says nothing */
    void (*progress)(void *opaque, uint64_t done, uint64_t total); /* bytes of files; may be NULL */
    void *opaque;
};

/* 0: all was read, *out->faults says whether it is good. Negative: something could not be read. */
int audit_verify(const struct audit_verify_settings *settings, struct audit_verify_summary *out,
                 struct error *err) MUST_CHECK;

/* Reads a text of exported seals, or seals as they stand in a log, one a line; *out is freed by the
 * caller. `name` is for the words of an error. */
int audit_read_seals(const char *name, struct span text, struct seal **out, size_t *n,
                     struct error *err) MUST_CHECK;

#endif
